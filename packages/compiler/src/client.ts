/** The client's side of a program: keys, encryption, decryption. Needs the manifest alone. */

export { FileError, KeyUseError, ResultError, type ResultFault, ShareError } from './errors.ts';
export { PrivateAnswer, type RevealedAnswer } from './files/answer.ts';
export {
  decryptOutputs,
  encryptInputs,
  evaluationKeysFile,
  keyIdOf,
  makeEvaluationKeys,
} from './files/client.ts';
export { generateProgramKeys, type ProgramKeys } from './files/keygen.ts';
export { batchOf, type ProgramManifest, parametersOf, parseManifest } from './files/manifest.ts';
export { readManifest } from './files/read-manifest.ts';
export { type RequestDescription, RequestFile, readRequest } from './files/request.ts';
export { FileVerdictLedger, verdictFileOf } from './files/verdict-file.ts';
export {
  dishonestLimit,
  MemoryVerdictLedger,
  noVerdicts,
  outOfRangeStep,
  type VerdictCounts,
  type VerdictEntry,
  type VerdictLedger,
  type VerdictOptions,
  withEntry,
} from './files/verdicts.ts';

/**
 * The client's side of a program: keys, encryption, decryption. Needs the client's half alone, and runs in browsers; files on
 * disk are in "./client/files".
 */

export { FileError, KeyUseError, ResultError, type ResultFault, ShareError } from './errors.ts';
export { PrivateAnswer, type RevealedAnswer } from './files/answer.ts';
export { decryptOutputs, encryptInputs } from './files/client.ts';
export { type ClientProgram, manifestFile, readClientHalf } from './files/client-half.ts';
export { derivedKeys } from './files/derived-keys.ts';
export { type KeyList, keyListFormat, makeKeyList, unaskedKeyBytes } from './files/key-list.ts';
export {
  type MadePart,
  type MakePartsOptions,
  makeParts,
  type PartMemory,
  VolatilePartMemory,
} from './files/key-parts.ts';
export { batchOf, keySpecsOf, type ProgramManifest, parametersOf, parseManifest } from './files/manifest.ts';
export { type RequestDescription, RequestFile, readRequest } from './files/request.ts';
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

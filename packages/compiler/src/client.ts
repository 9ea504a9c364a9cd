/** The client's side of a program: keys, encryption, decryption. Needs the manifest alone. */

export { FileError, ResultError, type ResultFault } from './errors.ts';
export {
  type Answer,
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

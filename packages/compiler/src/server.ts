/** The server's side of a program: evaluation keys and ciphertexts. Reaches nothing that makes or uses a secret key. */
export {
  type CkksMachine,
  type CkksOptions,
  type CkksResult,
  type InstructionTiming,
  runCkks,
} from './backends/ckks.ts';
export { defaultCosts } from './cost/default-costs.ts';
export { type Prediction, predict, predictSeconds } from './cost/predict.ts';
export { measureReference } from './cost/reference.ts';
export { CompilerError, FileError, InputError, MismatchError, ResourceError } from './errors.ts';
export { clientFolder, readManifest, serverFolder } from './files/client-folder.ts';
export { manifestFile } from './files/client-half.ts';
export { keyFiles, openKeyFolder } from './files/key-folder.ts';
export { type KeyList, parseKeyList } from './files/key-list.ts';
export { batchOf, type ProgramManifest, parametersOf } from './files/manifest.ts';
export { type OpenProgram, openProgram, writeProgram } from './files/program-folder.ts';
export {
  type KeySource,
  type LoadedKeys,
  loadKeys,
  outputsFile,
  type ReceivedRequest,
  readInputs,
} from './files/server.ts';

/** The server's side of a program: evaluation keys and ciphertexts. Reaches nothing that makes or uses a secret key. */
export {
  type CkksMachine,
  type CkksOptions,
  type CkksResult,
  type InstructionTiming,
  runCkks,
} from './backends/ckks.ts';
export { CacheError, FileError, InputError, MismatchError, ResourceError } from './errors.ts';
export { keyFiles, openKeyFolder } from './keys/key-folder.ts';
export { type KeyList, missingSpecs, parseKeyList, specsNotIn } from './keys/key-list.ts';
export type { KeySource } from './keys/key-source.ts';
export { clientFolder, readManifest, serverFolder } from './protocol/client-folder.ts';
export { manifestFile } from './protocol/client-half.ts';
export { parametersOf } from './protocol/manifest.ts';
export { keySpecsOf, type ProgramManifest } from './protocol/manifest-schema.ts';
export { readRequest } from './protocol/request.ts';
export { type CacheName, type CacheOptions, KeptCaches } from './server/kept-caches.ts';
export { availableMemoryBytes, checkMemory, totalMemoryBytes } from './server/memory.ts';
export {
  checkKeys,
  type LoadedKeys,
  loadKeys,
  outputsFile,
  type ReceivedRequest,
  readInputs,
} from './server/server.ts';

/** Files on disk of the client's side: Node only. */
export { FileVerdictLedger, verdictFileOf } from './client/verdict-file.ts';
export { FilePartMemory, partMemoryFileOf } from './keys/part-memory-file.ts';
export { checkKeyRoom, writeKeyFolder } from './keys/write-key-folder.ts';
export { readClientProgram, readManifest } from './protocol/client-folder.ts';

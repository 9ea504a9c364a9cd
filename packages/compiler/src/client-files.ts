/** Files on disk of the client's side: Node only. */
export { readClientProgram, readManifest } from './files/client-folder.ts';
export { FilePartMemory, partMemoryFileOf } from './files/part-memory-file.ts';
export { FileVerdictLedger, verdictFileOf } from './files/verdict-file.ts';
export { writeKeyFolder } from './files/write-key-folder.ts';

/** What a client has in Node beside what it has everywhere: HTTP without copies, and tokens in files. */
export { fileProgramMemory } from './file-programs.ts';
export { fileTokens } from './file-tokens.ts';
export { nodeFetch } from './node-fetch.ts';

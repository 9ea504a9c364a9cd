/** Encrypted programs over HTTP. Holds nothing of secret keys: it sees evaluation keys, ciphertexts, sizes and times. */
export { StartError } from './problem.ts';
export type { ServedProgram } from './programs.ts';
export { configure } from './run/configuration.ts';
export type { PreparedProgram, PrepareOptions } from './run/prepare-program.ts';
export { type ServiceOptions, startService } from './run/start.ts';
export { type RunningService, type ServeOptions, serve } from './serve.ts';
export { type ListedOwner, openTokens, type Tokens } from './tokens.ts';

/** Encrypted programs over HTTP. Holds nothing of secret keys: it sees evaluation keys, ciphertexts, sizes and times. */
export { StartError } from './problem.ts';
export type { ServedProgram } from './programs.ts';
export { type Configured, configure, sharedPlace, tlsOf } from './run/configuration.ts';
export type { PreparedProgram, PrepareOptions } from './run/prepare-program.ts';
export { type ServiceOptions, startService, startWorker, type WorkerOptions } from './run/start.ts';
export { type RunningService, type ServeOptions, serve } from './serve.ts';
export type { SharedOptions } from './shared/backend.ts';
export { type ListedOwner, openTokens, type Tokens, type TokensPlace } from './tokens.ts';

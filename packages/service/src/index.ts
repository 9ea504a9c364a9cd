/** Encrypted programs over HTTP. Holds nothing of secret keys: it sees evaluation keys, ciphertexts, sizes and times. */
export { type Limits, limitsSchema } from './limits.ts';
export { StartError } from './problem.ts';
export type { ServedProgram } from './programs.ts';
export { type Configuration, type Configured, configure } from './run/configuration.ts';
export { type PreparedProgram, type PrepareOptions, prepareProgram } from './run/prepare-program.ts';
export { type ServiceOptions, startService } from './run/start.ts';
export { type RunningService, type ServeOptions, serve } from './serve.ts';
export { openDataFolder } from './store/data-folder.ts';
export { type ListedOwner, openTokens, type Tokens } from './tokens.ts';

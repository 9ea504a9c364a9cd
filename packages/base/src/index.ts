/** What every package shares: the base of all errors, progress, and how numbers are shown. */
export { sha256, toHex } from './digest.ts';
export { CipherformerError, UsageError } from './errors.ts';
export { type Pace, startPace } from './pace.ts';
export { gib } from './units.ts';

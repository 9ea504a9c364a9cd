/** What every package shares: the base of all errors, progress, bytes, and how numbers are shown. */
export { isPowerOfTwo, modulo, nextPowerOfTwo } from './arithmetic.ts';
export { joinBytes, toHex } from './bytes.ts';
export { type ErrorCode, type ErrorEntry, type ExitCode, errorCodes } from './error-codes.ts';
export { errorMeanings } from './error-meanings.ts';
export {
  CipherformerError,
  type CipherformerErrorOptions,
  isCipherformerError,
  MissingPackageError,
  StorageError,
  UsageError,
} from './errors.ts';
export { type Given, given } from './given.ts';
export { Mutex } from './mutex.ts';
export { type OptionalPackage, optionalPackage } from './optional-package.ts';
export { type Pace, startPace } from './pace.ts';
export { escapeControls } from './printable.ts';
export type { OnProgress, Progress } from './progress.ts';
export { Random } from './random.ts';
export { apart, decimals, gib, significant } from './units.ts';

import { UsageError } from '@cipherformer/base';
import pc from 'picocolors';
import { InterruptedError } from './interrupt.ts';
import { showable } from './text.ts';

export const exitCodes = { ok: 0, failure: 1, usage: 2, checkFailed: 3, interrupted: 130 } as const;

/** A check that ran and fell short (a self-test, a target). Ends with exit code 3. */
export class CheckFailedError extends Error {
  override readonly name = 'CheckFailedError';
}

/** Prints an error for a person (typed errors carry their own explanation; others show their stack) and picks the exit code. */
export function reportError(error: unknown): number {
  const known = error instanceof Error && error.name !== 'Error' && error.name !== 'TypeError';
  const text = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${pc.red('error')} ${showable(text)}\n`);
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof CheckFailedError) return exitCodes.checkFailed;
  if (error instanceof InterruptedError) return exitCodes.interrupted;
  return exitCodes.failure;
}

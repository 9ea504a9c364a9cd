import { gib } from '@cipherformer/base';
import { checkKeyBytes, unaskedKeyBytes } from '@cipherformer/runtime/client';
import type { Command } from 'commander';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { byteSize } from '../terminal/numbers.ts';

export interface KeyLimit {
  /** Most that evaluation keys may take without a question. */
  readonly maxKeyBytes?: number;
}

export function withKeyLimit(command: Command): Command {
  const what = 'most that the evaluation keys may take (default: 4GiB, and a question above it)';
  return command.option('--max-key-bytes <size>', what, byteSize);
}

/** Whether so many bytes of keys are made: a person is asked, where there is one. */
export const allowKeys = async (bytes: number): Promise<boolean> =>
  canAsk() && confirm(`This program asks for ${gib(bytes)} of evaluation keys. Make them?`);

/**
 * Whoever wrote a manifest chose how many keys there are: above the limit their owner has to agree, before there is a secret key.
 * @returns the most that may be made from now on
 * @throws KeyLimitError for a no, and where nobody can be asked
 */
export async function agreedKeyBytes(bytes: number, most = unaskedKeyBytes): Promise<number> {
  if (bytes > most && !(await allowKeys(bytes))) checkKeyBytes(bytes, most);
  return Math.max(bytes, most);
}

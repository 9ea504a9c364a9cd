import { createInterface } from 'node:readline/promises';
import { gib, UsageError } from '@cipherformer/base';
import { unaskedKeyBytes } from '@cipherformer/runtime/client';

/** Asks a person a question with yes or no. */
export type Ask = (question: string) => Promise<boolean>;

/**
 * Whoever wrote a manifest chose how many keys there are: above 4 GiB of them, their owner has to agree, by the flag
 * --max-key-bytes or at the terminal.
 * @param bytes of the file of evaluation keys, counted from the list of keys
 * @param most what --max-key-bytes allows; undefined without it
 * @param ask undefined where nobody can be asked
 * @throws UsageError that names the flag
 */
export async function agreeOnKeyBytes(bytes: number, most: number | undefined, ask = askOnTerminal()): Promise<void> {
  if (bytes <= (most ?? unaskedKeyBytes)) return;
  const size = `this program asks for ${gib(bytes)} of evaluation keys`;
  const flag = `--max-key-bytes ${Math.ceil(bytes / 2 ** 30)}GiB`;
  if (most !== undefined)
    throw new UsageError(`${size}, --max-key-bytes allows ${gib(most)}: give ${flag} to make them.`);
  if (!ask) throw new UsageError(`${size}, more than ${gib(unaskedKeyBytes)}: give ${flag} to make them.`);
  if (!(await ask(`${size}. Make them? [y/N] `)))
    throw new UsageError(`no keys were made; ${flag} makes them without a question.`);
}

/** On stderr, since stdout carries data; undefined where no person is at the terminal. */
function askOnTerminal(): Ask | undefined {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input, output });
    try {
      // Ctrl-D closes without an answer, which is a no.
      const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
      return /^y(es)?$/i.test((await Promise.race([lines.question(question), closed])).trim());
    } finally {
      lines.close();
    }
  };
}

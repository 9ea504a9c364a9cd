import { UsageError } from '@cipherformer/base';
import { type Command, InvalidArgumentError } from 'commander';

/** What is asked on the command line, in its order: an input as it is, or the file that has it. */
export type Question =
  | { readonly text: string; pair?: string }
  | { readonly ids: readonly number[] }
  | { readonly file: string };

/** Adds the options that ask, each repeatable. Returns what will be asked, once the command line is read. */
export function withQuestions(command: Command): readonly Question[] {
  const questions: Question[] = [];
  const ask = (read: (text: string) => Question) => (text: string) => void questions.push(read(text));
  command
    .option('--text <text>', 'a text; this and the next repeatedly for several inputs', ask((text) => ({ text }))) // biome-ignore format: a line each
    .option('--pair <text>', 'the second text of a pair, after the --text that is its first', (text) => addPair(questions, text)) // biome-ignore format: a line each
    .option('--image <file>', 'a PNG or JPEG image', ask((file) => ({ file }))) // biome-ignore format: a line each
    .option('--input <json>', 'a file: {"pixels": [...]}, {"image": [...]}, {"text": "..."} or {"ids": [...]}', ask((file) => ({ file }))) // biome-ignore format: a line each
    .option('--ids <numbers>', 'token numbers: 1,2,3', ask((text) => ({ ids: tokenNumbers(text) }))); // biome-ignore format: a line each
  return questions;
}

function addPair(questions: readonly Question[], pair: string): void {
  const last = questions.at(-1);
  if (!last || !('text' in last) || last.pair !== undefined)
    throw new InvalidArgumentError('It belongs to the --text before it: give that first, and one --pair for it.');
  last.pair = pair;
}

/** @throws InvalidArgumentError for what are no token numbers */
function tokenNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (!numbers.every(Number.isSafeInteger)) throw new InvalidArgumentError('It must be whole numbers: 1,2,3.');
  return numbers;
}

/** @throws UsageError for more inputs than a program computes at once */
export function checkBatch(count: number, batch: number): void {
  if (count > batch)
    throw new UsageError(
      `${count} inputs for a program that computes ${batch} at once: give fewer, or compile with --batch`,
    );
}

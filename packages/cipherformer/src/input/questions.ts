import { UsageError } from '@cipherformer/base';
import { DataError } from '@cipherformer/model';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import { type Command, InvalidArgumentError } from 'commander';

/** What is asked on the command line. */
export type Question =
  | { readonly text: string; pair?: string }
  | { readonly ids: readonly number[] }
  | { readonly file: string };

/** Adds the options that ask, each repeatable. Returns what will be asked, in its order, once the command line is read. */
export function withQuestions(command: Command): readonly Question[] {
  const questions: Question[] = [];
  const ask = (read: (text: string) => Question) => (text: string) => void questions.push(read(text));
  command
    .option('--text <text>', 'a text; this and the next repeatedly for several inputs', ask((text) => ({ text })))
    .option('--pair <text>', 'the second text of a pair, after the --text that is its first', (text) => addPair(questions, text))
    .option('--image <file>', 'a PNG or JPEG image', ask((file) => ({ file })))
    .option('--input <file...>', 'an image, or JSON: {"text": "..."}, {"ids": [...]}, {"pixels": [...]} or {"image": [...]}', ask((file) => ({ file })))
    .option('--ids <numbers>', 'token numbers: 1,2,3', ask((text) => ({ ids: tokenNumbers(text) })))
    .option('--resize', "scale images to the model's size where its own preparation does not; their aspect ratio is not kept"); // biome-ignore format: a line each
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

/** @throws UsageError for a command line that asks nothing */
export function checkQuestions(questions: readonly Question[]): void {
  if (questions.length === 0) throw new UsageError('there is no question: give --text, --image, --ids or --input');
}

/** What is asked, where every question tells: pictures by the names of their files. */
export function askedKind(questions: readonly Question[]): { readonly takes?: 'image' | 'text' } {
  if (questions.every((question) => !('file' in question))) return { takes: 'text' };
  return questions.every((question) => 'file' in question && /\.(png|jpe?g)$/i.test(question.file))
    ? { takes: 'image' }
    : {};
}

/**
 * What a program's manifest says of questions.
 * @throws UsageError for more inputs than it computes at once, DataError for texts where it takes images
 */
export function checkAsked(questions: readonly Question[], { batch, model }: ProgramManifest): void {
  if (questions.length > batch)
    throw new UsageError(
      `${questions.length} inputs for a program that computes ${batch} at once: give fewer, or compile with --batch`,
    );
  if (model.preprocess.kind === 'image' && questions.some((question) => !('file' in question)))
    throw new DataError(`${model.name} takes an image: give --image, or --input`);
}

import { UsageError } from '@cipherformer/base';
import { KeyUseError, outOfRangeStep, type PrivateAnswer, type VerdictCounts } from '@cipherformer/runtime/client';
import type { Command } from 'commander';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CheckFailedError } from '../terminal/errors.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { answerJson, answerText } from './answers.ts';

// What the verbs that decrypt have in common: which of an answer is shown, and what happens where there is none.

export interface AnswerOptions {
  readonly reveal?: boolean;
  readonly top: number;
  readonly force?: boolean;
  readonly allowMoreOutOfRange?: boolean;
  readonly json?: boolean;
}

export function withAnswerOptions(command: Command): Command {
  return command
    .option('--reveal', 'logits and scores too: for the owner of the key alone, they tell of it')
    .option('--top <n>', 'how many labels to reveal, largest first', positiveInteger, 10)
    .option('--force', 'with --reveal, even where they are no answer: the input left the range the model is made for')
    .option('--allow-more-out-of-range', `show the next ${outOfRangeStep} examples out of range, where so many were`)
    .option('--json', 'JSON on stdout');
}

/** @throws UsageError for options that contradict each other */
export function checkAnswerOptions({ force, reveal }: AnswerOptions): void {
  if (force && !reveal) throw new UsageError('--force shows logits that are no answer: add --reveal.');
}

/**
 * Prints answers on stdout.
 * @throws CheckFailedError, when the others are printed, where an answer is none, unless forced
 */
export function showAnswers(
  answers: readonly PrivateAnswer[],
  { reveal = false, force = false, top, json }: AnswerOptions,
  classes: readonly string[] | undefined,
): void {
  const view = { reveal, force, top, classes };
  const number = (i: number) => (answers.length === 1 ? undefined : i + 1);
  writeLines(
    json
      ? [JSON.stringify({ results: answers.map((answer) => answerJson(answer, view)) })]
      : answers.map((answer, i) => answerText(answer, number(i), view)),
  );
  checkRange(answers, force);
}

/** Lines of data; those that are undefined have nothing to show. */
export function writeLines(lines: readonly (string | undefined)[]): void {
  for (const line of lines) if (line !== undefined) process.stdout.write(`${line}\n`);
}

/** Whether the owner lets more examples out of range be shown. */
export async function allowMore({ outOfRange }: VerdictCounts, options: AnswerOptions): Promise<boolean> {
  if (options.allowMoreOutOfRange) return true;
  const why = `${outOfRange} examples were found out of range with this key. A server that picks its results learns of the key from each one you react to.`;
  if (canAsk()) return confirm(`${why} Show the next ${outOfRangeStep}?`);
  throw new KeyUseError(
    'outOfRange',
    `${why} If so many are no surprise, add --allow-more-out-of-range for the next ${outOfRangeStep}; otherwise make a new key (keygen).`,
  );
}

/** @throws CheckFailedError where an answer is none, unless forced */
function checkRange(answers: readonly PrivateAnswer[], forced: boolean): void {
  const messages = answers.flatMap(({ inRange, reason }, i) =>
    inRange
      ? []
      : [
          `${answers.length === 1 ? 'the input' : `input ${i + 1}`} left the range the model is made for: there is no answer (${reason})`,
        ],
  );
  if (messages.length === 0) return;
  if (!forced)
    throw new CheckFailedError(`${messages.join('\n')}. To see its logits nevertheless, add --reveal --force.`);
  for (const message of messages) process.stderr.write(`warning ${message}\n`);
}

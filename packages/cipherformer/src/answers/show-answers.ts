import { UsageError } from '@cipherformer/base';
import type { AnswerKind } from '@cipherformer/model';
import { KeyUseError, outOfRangeStep, ShareError, type VerdictCounts } from '@cipherformer/runtime/client';
import type { Command } from 'commander';
import type { Answer, Answers, Label, Result } from '../door/answer.ts';
import type { CommandLine } from '../terminal/command-line.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { labelTable, rounded } from './label-table.ts';

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
 * @param next the command that comes next
 * @throws CheckFailedError where an answer is none, unless forced
 */
export function showAnswers(answers: Answers, options: AnswerOptions, next?: CommandLine): void {
  const { reveal = false, force = false, top, json } = options;
  const shown = answers.results.map((answer): Result => (reveal && (answer.inRange || force) ? answer.reveal({ top }) : answer)); // biome-ignore format: short
  const out = answers.results.flatMap(({ inRange, reason }, i) =>
    inRange ? [] : [`${named(answers, i)} left the range the model is made for: there is no answer (${reason})`],
  );
  if (force) for (const message of out) process.stderr.write(`warning ${message}\n`);
  print(json, {
    value: { results: shown },
    text: shown
      .flatMap((result, i) => textOf(result, answers.kind, answers.results.length === 1 ? '' : `input ${i + 1}: `))
      .join('\n'),
    next,
    ...(out.length > 0 && !force
      ? {
          shortfall: `${out.join('\n')}\nAsk about inputs like those that the model was made on; to see its logits nevertheless, add --reveal --force.`,
        }
      : {}),
  });
}

const named = ({ results }: Answers, i: number) => (results.length === 1 ? 'the input' : `input ${i + 1}`);

/** An answer for a person; nothing where there is none. */
function textOf({ inRange, labels = [], logits, embedding }: Result, kind: AnswerKind, prefix: string): string[] {
  if (embedding) return [`${prefix}${JSON.stringify(embedding.map(rounded))}`];
  if (logits) return [labelTable(labels, kind, `${prefix}class`, kind === 'class' ? [...logits].sort((a, b) => b - a) : undefined)]; // biome-ignore format: one line
  if (!inRange) return [];
  if (kind === 'token-classes') return [labelTable(labels, kind, `${prefix}class`)];
  return [`${prefix}${plainAnswer(labels, kind)} (in range)`];
}

/** An answer without its numbers, which tell of the key. */
function plainAnswer(labels: readonly Label[], kind: AnswerKind): string {
  if (kind === 'numbers') return 'a number: --reveal shows it';
  if (kind === 'embedding') return 'an embedding: --reveal shows it';
  return labels.length === 0 ? 'no label holds' : labels.map(({ label }) => label).join(', ');
}

/** Prints the labels that may be passed on. @throws CheckFailedError where one may not: that it does is for the owner alone */
export function showShared(answers: Answers, json: boolean | undefined): void {
  const shared = answers.results.map((answer, i) => sharedOf(answer, answers.results.length === 1 ? 'the label' : `label ${i + 1}`)); // biome-ignore format: short
  const refused = shared.flatMap((one) => ('refused' in one ? [one.refused] : []));
  const labels = shared.map((one) => ('label' in one ? [{ label: one.label }] : []));
  const prefix = (i: number) => (labels.length === 1 ? '' : `input ${i + 1}: `);
  print(json, {
    value: { results: labels.map((one) => ({ labels: one })) },
    text: labels.flatMap(([one], i) => (one ? [`${prefix(i)}${one.label}`] : [])).join('\n'),
    ...(refused.length > 0
      ? { shortfall: `${refused.join('\n')}. Keep that to yourself as well: it may depend on the noise.` }
      : {}),
  });
}

function sharedOf(answer: Answer, name: string) {
  try {
    return answer.share();
  } catch (error) {
    if (!(error instanceof ShareError)) throw error;
    return { refused: `${name} cannot be shared: ${error.message}` };
  }
}

/** What these options say of the owner of the key. */
export const ownerOptions = (options: AnswerOptions) => ({
  allowMore: (counts: VerdictCounts) => allowMore(counts, options),
});

/** Whether the owner lets more examples out of range be shown. */
async function allowMore({ outOfRange }: VerdictCounts, options: AnswerOptions): Promise<boolean> {
  if (options.allowMoreOutOfRange) return true;
  const why = `${outOfRange} examples were found out of range with this key. A server that picks its results learns of the key from each one you react to.`;
  if (canAsk()) return confirm(`${why} Show the next ${outOfRangeStep}?`);
  throw new KeyUseError(
    'outOfRange',
    `${why} If so many are no surprise, add --allow-more-out-of-range for the next ${outOfRangeStep}; otherwise make a new key (keygen).`,
  );
}

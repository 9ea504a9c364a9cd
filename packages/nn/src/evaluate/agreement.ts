import type { AnswerKind, Weights } from '@cipherformer/model';
import type { ClassificationSplit } from '../data/splits.ts';
import type { Feeds } from '../onnx/session.ts';
import { answerKind, type ModelConfig } from '../transformer/config.ts';
import { compareEmbeddings, correlation, dot, unitVector } from './embeddings.ts';
import { InferenceModel } from './inference.ts';
import { mostLikely } from './metrics.ts';

// How near the answers of a model are to those of its original, where there is no one right class: classes of tokens, several
// labels at once, numbers, embeddings. Labels of the data are not needed.

/** What such models are compared by: the higher, the nearer. */
export const agreementFigure = (kind: AnswerKind): 'cosine' | 'agreement' | 'correlation' =>
  kind === 'embedding' ? 'cosine' : kind === 'numbers' ? 'correlation' : 'agreement';

/** That figure and others beside it; `loss` falls as answers come nearer. */
export type Agreement = Readonly<Record<string, number>>;

/**
 * The outputs of a split, an entry an example: an embedding of length 1, or logits; of a head for tokens those of its real tokens,
 * row by row. Cost: a pass over the split.
 */
export async function answersOf(
  config: ModelConfig,
  weights: Weights,
  split: ClassificationSplit,
  threads = 1,
): Promise<Float64Array[]> {
  const batch = Math.min(50, split.count);
  const model = await InferenceModel.create(config, weights, {
    ...{ batch, threads },
    ...(split.tokens ? { tokens: split.tokens } : {}),
  });
  try {
    return await answersBy(model, config, split);
  } finally {
    await model.close();
  }
}

/** The same by a model that is there. */
export async function answersBy(
  model: Pick<InferenceModel, 'batch' | 'run'>,
  config: ModelConfig,
  split: ClassificationSplit,
): Promise<Float64Array[]> {
  const answers: Float64Array[] = [];
  for (let start = 0; start < split.count; start += model.batch) {
    const feeds = split.feeds(start, model.batch);
    const { logits } = await model.run(feeds);
    for (let i = 0; i < Math.min(model.batch, split.count - start); i++)
      answers.push(answerIn(config, logits!, feeds, i, model.batch));
  }
  return answers;
}

/** The answer to example i of a batch that was run. */
export function answerIn(config: ModelConfig, logits: Float32Array, feeds: Feeds, i: number, batch: number): Float64Array {
  const each = logits.length / batch;
  const kind = answerKind(config);
  const length = kind === 'token-classes' ? realTokens(feeds, i, batch) * config.head.outputs : each;
  const answer = logits.subarray(i * each, i * each + length);
  return kind === 'embedding' ? unitVector(answer) : Float64Array.from(answer);
} // biome-ignore format: one line

/** Tokens of example i that are no padding, which stands at the end. */
function realTokens({ mask }: Feeds, i: number, batch: number): number {
  const each = mask!.length / batch;
  let count = 0;
  for (let t = i * each; t < (i + 1) * each; t++) count += Number(mask![t]!);
  return count;
}

/** Answers of a model, `got`, beside those of its original to the same examples. */
export function compareAnswers(
  { kind, outputs }: { readonly kind: AnswerKind; readonly outputs: number },
  wanted: readonly Float64Array[],
  got: readonly Float64Array[],
): Agreement {
  if (kind === 'embedding') {
    const agreement = compareEmbeddings(wanted, got);
    return { ...agreement, loss: 1 - agreement.cosine };
  }
  if (kind === 'numbers') return compareNumbers(wanted, got, outputs);
  const chosen = (rows: readonly Float64Array[]) =>
    rows.flatMap((row) => (kind === 'labels' ? labelsHeld(row) : bestOfTokens(row, outputs)));
  const [before, after] = [chosen(wanted), chosen(got)];
  // A token of another class is two differences: a class less, and another one more.
  return compareChoices(before, after, outputs, before.length * (kind === 'labels' ? outputs : 2));
}

/** Whether an answer says the same as the original's; numbers: within a tenth of `spread`. */
export function saysTheSame(
  { kind, outputs }: { readonly kind: AnswerKind; readonly outputs: number },
  a: Float64Array,
  b: Float64Array,
  spread: number,
): boolean {
  switch (kind) {
    case 'embedding':
      return dot(a, b) >= 0.9;
    case 'numbers':
      return a.every((value, k) => Math.abs(value - b[k]!) <= spread / 10);
    case 'labels':
      return a.every((value, k) => value > 0 === b[k]! > 0);
    case 'token-classes': {
      const [one, other] = [bestOfTokens(a, outputs), bestOfTokens(b, outputs)];
      return one.filter((chosen, t) => chosen[0] === other[t]![0]).length >= 0.9 * one.length;
    }
    default:
      return mostLikely(a) === mostLikely(b);
  }
}

/** Deviation of all numbers of some answers. */
export function spreadOf(answers: readonly Float64Array[]): number {
  const all = answers.flatMap((row) => [...row]);
  const mean = all.reduce((sum, value) => sum + value / all.length, 0);
  return Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2 / all.length, 0));
}

/** One entry: the classes that are chosen in it, for F1. */
type Chosen = readonly number[];

const labelsHeld = (row: Float64Array): Chosen[] => [Array.from(row.keys()).filter((k) => row[k]! > 0)];

const bestOfTokens = (rows: Float64Array, outputs: number): Chosen[] =>
  Array.from({ length: rows.length / outputs }, (_, t) => [mostLikely(rows.subarray(t * outputs, (t + 1) * outputs))]);

/** agreement: the share of decisions (a label of an example, the class of a token) that are the same. f1: the mean over classes. */
function compareChoices(
  wanted: readonly Chosen[],
  got: readonly Chosen[],
  outputs: number,
  decisions: number,
): Agreement {
  const hits = new Float64Array(outputs);
  const [ofWanted, ofGot] = [new Float64Array(outputs), new Float64Array(outputs)];
  for (const [i, chosen] of wanted.entries()) {
    for (const k of chosen) ofWanted[k]! += 1;
    for (const k of got[i]!) {
      ofGot[k]! += 1;
      if (chosen.includes(k)) hits[k]! += 1;
    }
  }
  const sum = (counts: Float64Array) => counts.reduce((all, count) => all + count, 0);
  const different = sum(ofWanted) + sum(ofGot) - 2 * sum(hits);
  const agreement = 1 - different / decisions;
  const seen = Array.from(ofWanted.keys()).filter((k) => ofWanted[k]! + ofGot[k]! > 0);
  const f1 = seen.reduce((all, k) => all + (2 * hits[k]!) / (ofWanted[k]! + ofGot[k]!) / seen.length, 0);
  return { agreement, f1: seen.length > 0 ? f1 : 1, loss: 1 - agreement };
}

/** correlation: Pearson's, its mean over the numbers of an answer. meanSquaredError as it is; loss: as a share of the variance. */
function compareNumbers(wanted: readonly Float64Array[], got: readonly Float64Array[], outputs: number): Agreement {
  let [correlations, squares, variances] = [0, 0, 0];
  for (let k = 0; k < outputs; k++) {
    const [a, b] = [wanted, got].map((rows) => Float64Array.from(rows, (row) => row[k]!)) as [Float64Array, Float64Array]; // biome-ignore format: one line
    correlations += correlation(a, b) / outputs;
    squares += a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2 / a.length, 0) / outputs;
    variances += spreadOf([a]) ** 2 / outputs;
  }
  return { correlation: correlations, meanSquaredError: squares, loss: squares / Math.max(variances, 1e-12) };
}

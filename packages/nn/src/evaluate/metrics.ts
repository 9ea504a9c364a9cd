import type { OnProgress } from '@cipherformer/base';
import type { Weights } from '@cipherformer/model';
import type { ClassificationSet, LanguageSet } from '../data/splits.ts';
import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { type InferenceContext, InferenceModel } from './inference.ts';

export interface ClassificationResult {
  readonly kind: 'classification';
  readonly examples: number;
  readonly correct: number;
  /** correct / examples */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** The class predicted for each example, for paired comparisons of two models. */
  readonly predictions: Uint16Array;
}

export interface LanguageResult {
  readonly kind: 'language';
  readonly tokens: number;
  readonly characters: number;
  readonly words: number;
  readonly nats: number;
  readonly natsPerToken: number;
  readonly natsPerCharacter: number;
  /** exp(nats / words) */
  readonly wordPerplexity: number;
  /** Nats of the tokens scored in each window, for paired comparisons of two models. */
  readonly windowNats: Float64Array;
}

export type EvaluationResult = ClassificationResult | LanguageResult;

/** Anything that runs batches: a model compiled for ONNX Runtime, a polynomial model. */
export type BatchRunner = Pick<InferenceModel, 'batch' | 'run'>;

/** Runs a classifier ("logits" [batch, classes]) over a set and compares with the labels. */
export async function evaluateClassification(
  model: BatchRunner,
  set: ClassificationSet,
  { limit = set.count, progress }: { readonly limit?: number; readonly progress?: OnProgress } = {},
): Promise<ClassificationResult> {
  const count = Math.min(limit, set.count);
  const { classes } = set;
  const predictions = new Uint16Array(count);
  let correct = 0;
  let nats = 0;
  for (let start = 0; start < count; start += model.batch) {
    const { logits } = await model.run(set.feeds(start, model.batch));
    for (let i = 0; i < model.batch && start + i < count; i++) {
      const row = logits!.subarray(i * classes, (i + 1) * classes);
      const label = set.label(start + i);
      const best = mostLikely(row);
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp(row[c]! - row[best]!);
      nats += Math.log(sum) + row[best]! - row[label]!;
      predictions[start + i] = best;
      if (best === label) correct += 1;
    }
    progress?.({ what: 'evaluating', done: Math.min(start + model.batch, count), total: count });
  }
  return {
    kind: 'classification',
    examples: count,
    correct,
    accuracy: correct / count,
    loss: nats / count,
    predictions,
  };
}

/** The place of the largest logit, the first of equal ones. */
export function mostLikely(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** A language model compiled to give the nats of each target token: outputs "nats" [batch * tokens]. */
export function languageModelScorer(
  config: ModelConfig,
  weights: Weights,
  options: { readonly batch: number; readonly tokens: number; readonly threads?: number },
): Promise<InferenceModel> {
  const { batch, tokens } = options;
  const outputs = ({ program, graph }: InferenceContext): Record<string, Tensor> => {
    const targets = program.input('targets', [batch * tokens], 'int64');
    const rows = ops.reshape(graph.logits, [batch * tokens, config.head.outputs]);
    const picked = ops.mul(ops.logSoftmax(rows), ops.oneHot(targets, config.head.outputs));
    return { nats: ops.scale(ops.sum(picked, [1]), -1) };
  };
  return InferenceModel.create(config, weights, { ...options, outputs });
}

/**
 * Scores every token of the streams but the first of each. Windows of `tokens` advance by `stride`; a token is
 * scored in the first window in which it has at least tokens - stride tokens of context (all of them, in the first).
 * stride = tokens gives disjoint windows; smaller strides give full-context figures at tokens / stride the cost.
 */
export async function evaluateLanguage(
  model: BatchRunner,
  set: LanguageSet,
  options: {
    readonly tokens: number;
    readonly stride: number;
    readonly limitWindows?: number;
    readonly progress?: OnProgress;
  },
): Promise<LanguageResult> {
  const { tokens, stride } = options;
  const windows: { stream: Int32Array; start: number; from: number; to: number }[] = [];
  let expected = 0;
  for (const stream of set.streams) {
    const targets = stream.length - 1;
    expected += targets;
    // The last window is pulled back so that it is full; tokens it shares with the one before are not scored twice.
    for (let start = 0, scored = 0; scored < targets; start += stride) {
      const begin = Math.max(0, Math.min(start, targets - tokens));
      const to = Math.min(begin + tokens, targets);
      windows.push({ stream, start: begin, from: scored - begin, to: to - begin });
      scored = to;
    }
  }
  const used = windows.slice(0, options.limitWindows ?? windows.length);
  const { batch } = model;
  const ids = new BigInt64Array(batch * tokens);
  const targets = new BigInt64Array(batch * tokens);
  const windowNats = new Float64Array(used.length);
  let count = 0;
  for (let first = 0; first < used.length; first += batch) {
    const group = used.slice(first, first + batch);
    group.forEach(({ stream, start }, i) => {
      for (let t = 0; t < tokens; t++) {
        ids[i * tokens + t] = BigInt(stream[start + t] ?? 0);
        targets[i * tokens + t] = BigInt(stream[start + t + 1] ?? 0);
      }
    });
    const { nats: values } = await model.run({ ids, targets });
    group.forEach(({ from, to }, i) => {
      for (let t = from; t < to; t++) windowNats[first + i]! += values![i * tokens + t]!;
      count += to - from;
    });
    options.progress?.({ what: 'evaluating', done: Math.min(first + batch, used.length), total: used.length });
  }
  // With a limit, characters and words are taken in proportion.
  const nats = windowNats.reduce((sum, value) => sum + value, 0);
  const share = count / expected;
  const characters = set.characters * share;
  const words = set.words * share;
  return {
    kind: 'language',
    tokens: count,
    characters,
    words,
    nats,
    natsPerToken: nats / count,
    natsPerCharacter: nats / characters,
    wordPerplexity: Math.exp(nats / words),
    windowNats,
  };
}

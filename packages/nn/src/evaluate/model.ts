import type { OnProgress } from '@cipherformer/base';
import { ConfigError } from '@cipherformer/model';
import type { Model } from '../checkpoints/model-folder.ts';
import { outputsOf, type Split } from '../data/splits.ts';
import { otherAnswer } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';
import { type EvaluationResult, evaluateClassification, evaluateLanguage, languageModelScorer } from './metrics.ts';

export interface EvaluateOptions {
  /** Examples of a classifier, windows of a language model; default all. */
  readonly limit?: number;
  readonly batch?: number;
  /** Tokens by which language-model windows advance; default half a window, so that every token has at least half a
   * window of context. */
  readonly stride?: number;
  readonly threads?: number;
  /** After each batch. */
  readonly progress?: OnProgress;
}

/**
 * Evaluates a model on one part of a data set.
 * @throws ConfigError where the two have other numbers of outputs, or the model does not choose one of them
 */
export async function evaluateModel(
  model: Model,
  split: Split,
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  const { config, weights } = model;
  const other = otherAnswer(config);
  if (other)
    throw new ConfigError(
      `The model answers with ${other}: evaluated are models that choose a class or the next token.`,
    );
  checkOutputs(config.head.outputs, split);
  const threads = options.threads ?? 1;
  if (split.kind === 'language') {
    const { tokens } = split;
    const stride = options.stride ?? Math.floor(tokens / 2);
    const scorer = await languageModelScorer(config, weights, { batch: options.batch ?? 16, tokens, threads });
    try {
      const limit = options.limit === undefined ? {} : { limitWindows: options.limit };
      const progress = options.progress ? { progress: options.progress } : {};
      return await evaluateLanguage(scorer, split, { tokens, stride, ...limit, ...progress });
    } finally {
      await scorer.close();
    }
  }
  const inference = await InferenceModel.create(config, weights, {
    batch: Math.min(options.batch ?? 50, split.count),
    threads,
    ...(split.tokens ? { tokens: split.tokens } : {}),
  });
  try {
    return await evaluateClassification(inference, split, options);
  } finally {
    await inference.close();
  }
}

/** @throws ConfigError where a model has another number of outputs than the data asks for */
export function checkOutputs(outputs: number, split: Split): void {
  const wanted = outputsOf(split);
  if (wanted !== outputs)
    throw new ConfigError(`The model has ${outputs} outputs, the data ${wanted}: not made for each other.`);
}

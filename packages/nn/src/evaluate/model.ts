import { ConfigError, type Tokenizer } from '@cipherformer/model';
import type { Model } from '../checkpoints/model-folder.ts';
import type { DataConfig } from '../data/config.ts';
import { loadTask, type SplitName } from '../data/task.ts';
import { InferenceModel } from './inference.ts';
import { type EvaluationResult, evaluateClassification, evaluateLanguage, languageModelScorer } from './metrics.ts';

export interface EvaluateOptions {
  /** The folder the data's paths start from. */
  readonly root: string;
  readonly split: SplitName;
  /** Examples of a classifier, windows of a language model; default all. */
  readonly limit?: number;
  readonly batch?: number;
  /** Tokens by which language-model windows advance; default half a window, so that every token has at least half a
   * window of context. */
  readonly stride?: number;
  readonly tokenizer?: Tokenizer;
  readonly threads?: number;
}

/** Evaluates a model on one split of a data set. */
export async function evaluateModel(
  model: Model,
  data: DataConfig,
  options: EvaluateOptions,
): Promise<EvaluationResult> {
  const task = await loadTask(data, {
    root: options.root,
    batch: 1,
    seed: 0,
    labelSmoothing: 0,
    ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}),
  });
  const { config, weights } = model;
  const set = task.evaluation(options.split);
  if (task.outputs !== config.head.outputs) {
    throw new ConfigError(
      `The model has ${config.head.outputs} outputs, the data ${task.outputs}: not made for each other.`,
    );
  }
  const threads = options.threads ?? 1;
  if (set.kind === 'language') {
    const tokens = task.tokens!;
    const stride = options.stride ?? Math.floor(tokens / 2);
    const scorer = await languageModelScorer(config, weights, { batch: options.batch ?? 16, tokens, threads });
    try {
      const limit = options.limit === undefined ? {} : { limitWindows: options.limit };
      return await evaluateLanguage(scorer, set, { tokens, stride, ...limit });
    } finally {
      await scorer.close();
    }
  }
  const inference = await InferenceModel.create(config, weights, {
    batch: Math.min(options.batch ?? 50, set.count),
    threads,
    ...(task.tokens ? { tokens: task.tokens } : {}),
  });
  try {
    return await evaluateClassification(inference, set, options.limit);
  } finally {
    await inference.close();
  }
}

import type { Weights } from '@cipherformer/model';
import type { SplitName, TaskData } from '../data/task.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';
import { evaluateClassification, evaluateLanguage, languageModelScorer } from './metrics.ts';

export interface Validator {
  /** The figure that models are compared by. */
  readonly figure: string;
  better(a: number, b: number): boolean;
  run(weights: Weights): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** A model compiled once to be scored on one split with any weights. */
export async function createValidator(
  config: ModelConfig,
  weights: Weights,
  data: TaskData,
  split: SplitName,
  threads: number,
): Promise<Validator> {
  const set = data.evaluation(split);
  if (set.kind === 'classification') {
    const model = await InferenceModel.create(config, weights, {
      batch: Math.min(50, set.count),
      threads,
      ...(data.tokens ? { tokens: data.tokens } : {}),
    });
    return {
      figure: 'accuracy',
      better: (a, b) => a > b,
      async run(current) {
        model.load(current);
        const { accuracy, loss } = await evaluateClassification(model, set);
        return { accuracy, loss };
      },
      close: () => model.close(),
    };
  }
  const tokens = data.tokens!;
  const scorer = await languageModelScorer(config, weights, { batch: 16, tokens, threads });
  return {
    figure: 'natsPerCharacter',
    better: (a, b) => a < b,
    async run(current) {
      scorer.load(current);
      const result = await evaluateLanguage(scorer, set, { tokens, stride: tokens });
      return { natsPerCharacter: result.natsPerCharacter, natsPerToken: result.natsPerToken };
    },
    close: () => scorer.close(),
  };
}

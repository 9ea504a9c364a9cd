import type { Weights } from '@cipherformer/model';
import type { Split } from '../data/splits.ts';
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
  split: Split,
  threads: number,
): Promise<Validator> {
  if (split.kind === 'classification') {
    const model = await InferenceModel.create(config, weights, {
      batch: Math.min(50, split.count),
      threads,
      ...(split.tokens ? { tokens: split.tokens } : {}),
    });
    return {
      figure: 'accuracy',
      better: (a, b) => a > b,
      async run(current) {
        model.load(current);
        const { accuracy, loss } = await evaluateClassification(model, split);
        return { accuracy, loss };
      },
      close: () => model.close(),
    };
  }
  const { tokens } = split;
  const scorer = await languageModelScorer(config, weights, { batch: 16, tokens, threads });
  return {
    figure: 'natsPerCharacter',
    better: (a, b) => a < b,
    async run(current) {
      scorer.load(current);
      const result = await evaluateLanguage(scorer, split, { tokens, stride: tokens });
      return { natsPerCharacter: result.natsPerCharacter, natsPerToken: result.natsPerToken };
    },
    close: () => scorer.close(),
  };
}

import type { Weights } from '@cipherformer/model';
import type { ClassificationSplit, Split } from '../data/splits.ts';
import { answerKind, type ModelConfig } from '../transformer/config.ts';
import { agreementFigure, answersBy, compareAnswers } from './agreement.ts';
import { InferenceModel } from './inference.ts';
import { evaluateClassification, evaluateLanguage, languageModelScorer } from './metrics.ts';

export interface Validator {
  /** The figure that models are compared by. */
  readonly figure: string;
  better(a: number, b: number): boolean;
  run(weights: Weights): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/**
 * A model without one right class compiled once to be compared, with any weights, with the answers of its original.
 * @param wanted as `answersOf` gives them
 */
export async function createAgreementValidator(
  config: ModelConfig,
  weights: Weights,
  split: ClassificationSplit,
  threads: number,
  wanted: readonly Float64Array[],
): Promise<Validator> {
  const model = await InferenceModel.create(config, weights, {
    ...{ batch: Math.min(50, split.count), threads },
    ...(split.tokens ? { tokens: split.tokens } : {}),
  });
  const asked = { kind: answerKind(config), outputs: config.head.outputs };
  return {
    figure: agreementFigure(asked.kind),
    better: (a, b) => a > b,
    async run(current) {
      model.load(current);
      return compareAnswers(asked, wanted, await answersBy(model, config, split));
    },
    close: () => model.close(),
  };
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

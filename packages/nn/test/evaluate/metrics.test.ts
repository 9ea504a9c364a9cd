import { describe, expect, it } from 'vitest';
import { untrustedExamples } from '../../../model/src/graph/calibrate.ts';
import type { ClassificationSplit } from '../../src/data/splits.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { evaluateClassification, evaluateLanguage, languageModelScorer } from '../../src/evaluate/metrics.ts';
import { polynomialRunner } from '../../src/evaluate/polynomial.ts';
import { makePolynomialModel } from '../../src/lower/make-model.ts';
import { Random } from '../../src/random.ts';
import { bertMean, degree7, example, gpt, livelyWeights, polynomialForm } from '../lower/support.ts';

describe('a polynomial model on a data set gives the figures of the trained model', () => {
  it('classifier with padding', async () => {
    const config = polynomialForm(bertMean);
    const weights = livelyWeights(config, 3);
    const set: ClassificationSplit = {
      kind: 'classification',
      count: 12,
      classes: 3,
      label: (i) => i % 3,
      feeds: (start) => {
        const { ids, mask } = example(config, 100 + start, 7);
        return { ids: ids!, mask: mask! };
      },
    };
    const inference = await InferenceModel.create(config, weights, { batch: 1 });
    const reference = await evaluateClassification(inference, set);
    await inference.close();
    const { runner, recorder } = polynomialRunner(makePolynomialModel({ config, weights, card: { name: 'test' } }));
    const result = await evaluateClassification(runner, set);
    expect(result.predictions).toEqual(reference.predictions);
    expect(result.loss).toBeCloseTo(reference.loss, 5);
    expect(recorder.record().examples).toBe(12);
  });

  it('language model, every token scored', async () => {
    const config = polynomialForm(gpt);
    const weights = livelyWeights(config, 3);
    const random = new Random(4);
    const stream = Int32Array.from({ length: 40 }, () => random.integer(11));
    const set = { streams: [stream], characters: 80, words: 20 };
    const scorer = await languageModelScorer(config, weights, { batch: 1, tokens: 6 });
    const reference = await evaluateLanguage(scorer, set, { tokens: 6, stride: 3 });
    await scorer.close();
    const model = makePolynomialModel({ config, weights, card: { name: 'test' } }, { tokens: 6 });
    const result = await evaluateLanguage(polynomialRunner(model).runner, set, { tokens: 6, stride: 3 });
    expect(result.tokens).toBe(39);
    expect(result.natsPerToken).toBeCloseTo(reference.natsPerToken, 5);
  });

  it('examples whose values leave an interval are counted, not hidden', async () => {
    const narrow = { ...degree7, low: -0.3, high: 0.3 };
    const form = polynomialForm(gpt);
    const config = { ...form, mlp: { ...form.mlp, activation: narrow } };
    const model = makePolynomialModel(
      { config, weights: livelyWeights(config, 3), card: { name: 'test' } },
      { tokens: 6 },
    );
    const { runner, recorder } = polynomialRunner(model);
    await runner.run({ ids: BigInt64Array.from([1n, 2n, 3n, 4n, 5n, 6n]), targets: new BigInt64Array(6) });
    const record = recorder.record();
    expect(untrustedExamples(record)).toBe(1);
    expect(record.sites.find(({ name }) => name === 'layers.0.mlp.activation')!.outside[0]).toBeGreaterThan(0);
  });
});

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readMnist } from '../../src/data/images.ts';
import { imageEvaluation } from '../../src/data/sets.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { evaluateClassification } from '../../src/evaluate/metrics.ts';
import { loadModel } from '../../src/files/load.ts';

describe('the model that ships with the project', () => {
  it('recognises the sample digits', async () => {
    const { config, weights, preprocess } = loadModel(join(import.meta.dirname, '../../../../models/mnist-vit'));
    const sample = (name: string) => join(import.meta.dirname, '../data', name);
    const set = readMnist(sample('mnist-100-images-idx3-ubyte.gz'), sample('mnist-100-labels-idx1-ubyte.gz'));
    const model = await InferenceModel.create(config, weights, { batch: 50 });
    const result = await evaluateClassification(model, imageEvaluation(set, preprocess.normalise!, 10));
    await model.close();
    expect(result.correct).toBeGreaterThanOrEqual(98);
  });
});

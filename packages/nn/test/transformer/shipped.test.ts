import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPolynomialModel } from '../../../model/src/files/folder.ts';
import { untrustedExamples, ValueRecorder } from '../../../model/src/graph/calibrate.ts';
import { PolynomialEvaluator } from '../../../model/src/graph/evaluate.ts';
import { prepareInput } from '../../../model/src/inputs/prepare-input.ts';
import { tokenizerFor } from '../../../model/src/inputs/prepare-text.ts';
import { loadModel } from '../../src/checkpoints/load.ts';
import { readMnist } from '../../src/data/images.ts';
import { imageSplit } from '../../src/data/splits.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { evaluateClassification, mostLikely } from '../../src/evaluate/metrics.ts';
import { polynomialRunner } from '../../src/evaluate/polynomial.ts';
import { polynomialOperations } from '../../src/evaluate/polynomial-onnx.ts';

const models = join(import.meta.dirname, '../../../../models');
const sample = (name: string) => join(import.meta.dirname, '../data', name);
const set = readMnist(sample('mnist-100-images-idx3-ubyte.gz'), sample('mnist-100-labels-idx1-ubyte.gz'));

describe('the models that ship with the project', () => {
  it('recognises the sample digits', async () => {
    const { config, weights, preprocess } = loadModel(join(models, 'mnist-vit'));
    const model = await InferenceModel.create(config, weights, { batch: 50 });
    const result = await evaluateClassification(model, imageSplit(set, preprocess.normalise!, 10));
    await model.close();
    expect(result.correct).toBeGreaterThanOrEqual(98);
  });

  it('recognises them in polynomial form too, by additions and multiplications within its intervals', async () => {
    const model = loadPolynomialModel(join(models, 'mnist-vit-polynomial'));
    const foreign = Object.keys(polynomialOperations(model.graph)).filter(
      (op) => !['Add', 'Sub', 'Mul', 'MatMul', 'Reshape', 'Transpose', 'Expand'].includes(op),
    );
    expect(foreign).toEqual([]);
    if (model.preprocess.kind !== 'image') throw new TypeError('a model of images');
    const { runner, recorder } = polynomialRunner(model);
    const result = await evaluateClassification(runner, imageSplit(set, model.preprocess.normalise, 10));
    expect(result.correct).toBeGreaterThanOrEqual(98);
    expect(untrustedExamples(recorder.record())).toBe(0);
  });

  it.each([
    ['Sports', 'The striker scored twice as the home side won the cup final'],
    ['Business', 'Shares fell after the bank cut its profit forecast'],
    ['Sci/Tech', 'Scientists release software that maps the ocean floor'],
    ['World', 'The president met ministers for talks on the border dispute'],
  ])('tell news apart, within their intervals: %s', (kind, text) => {
    const model = loadPolynomialModel(join(models, 'ag-news-bert-tiny-polynomial'));
    const recorder = new ValueRecorder(model.graph);
    const logits = new PolynomialEvaluator(model.graph).run(prepareInput(model, { text }), recorder.nextExample());
    expect(model.classes![mostLikely(logits)]).toBe(kind);
    expect(untrustedExamples(recorder.record())).toBe(0);
  });

  it.each([
    ['Prince Andrew', '’'],
    ['It was a', '\n'],
    ['She looked at him', '.'],
  ])('goes on with a prompt of a few words, within its intervals: %s', (prompt, next) => {
    const model = loadPolynomialModel(join(models, 'books-lm-4-polynomial'));
    const recorder = new ValueRecorder(model.graph);
    const logits = new PolynomialEvaluator(model.graph).run(
      prepareInput(model, { text: prompt }),
      recorder.nextExample(),
    );
    expect(tokenizerFor(model).decode([mostLikely(logits)])).toBe(next);
    expect(untrustedExamples(recorder.record())).toBe(0);
  });
});

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import {
  evaluateClassification,
  InferenceModel,
  imageSplit,
  initialWeights,
  makePolynomialModel,
  parseModelConfig,
  readMnist,
  vitConfig,
} from '@cipherformer/nn';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli } from './cli.ts';

const data = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'polynomial-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const normalise = { mean: [0.13], deviation: [0.31] };
const set = join(folder, 'set.json');
writeFileSync(set, JSON.stringify({ data: { kind: 'mnist', train: files, test: files, validation: 20, normalise } }));

const activation = {
  kind: 'polynomial' as const,
  low: -6,
  high: 6,
  coefficients: [1.5, 3, 1.2, 0, -0.2, 0, 0.05, 0.01],
};
const vit = vitConfig({
  image: { channels: 1, height: 28, width: 28 },
  patch: 7,
  width: 16,
  layers: 2,
  heads: 2,
  mlpWidth: 32,
  classes: 10,
  pool: 'mean',
});
const config = parseModelConfig({
  ...vit,
  norm: { kind: 'frozen' },
  attention: { ...vit.attention, kind: 'pointwise', activation },
  mlp: { ...vit.mlp, activation },
});
const weights = initialWeights(config, 1);
const images = readMnist(join(data, files.images), join(data, files.labels));
const model = join(folder, 'model');

function save(path: string, change: Parameters<typeof parseModelConfig>[0] = config) {
  const made = makePolynomialModel({
    config: parseModelConfig(change),
    weights,
    normalise,
    card: { name: 'Digits', sites: [{ name: 'layers.0.mlp.activation', function: 'gelu', error: 0.012 }] },
  });
  const graph = calibrate(made.graph, [prepareInput(made, { pixels: images.pixels.subarray(0, 784) })], 1.5);
  savePolynomialModel(path, { ...made, graph });
}

describe('cipherformer inspect and eval of a polynomial model', () => {
  beforeEach(() => vi.restoreAllMocks());
  save(model);

  it('inspect prints the proof, the levels and the polynomials', async () => {
    const onnx = join(folder, 'digits.onnx');
    const shown = await cli('inspect', model, '--onnx', onnx);
    expect(shown.code).toBe(0);
    for (const part of ['none: additions and multiplications only', 'layers.1', '26', '[-6, 6]', 'gelu', '0.012']) {
      expect(shown.out).toContain(part);
    }
    expect(existsSync(onnx)).toBe(true);
    const { operations, foreign, levels } = JSON.parse((await cli('inspect', model, '--json')).out);
    expect(foreign).toEqual([]);
    expect(Object.keys(operations).sort()).toEqual(['Add', 'Expand', 'MatMul', 'Mul', 'Reshape', 'Sub', 'Transpose']);
    expect(levels.parts.map(({ levels: own }: { levels: number }) => own)).toEqual([1, 12, 12, 1]);
  });

  it('inspect shows what the polynomials see on data', async () => {
    const { sites } = JSON.parse((await cli('inspect', model, '--set', set, '--data', data, '--json')).out);
    expect(sites).toHaveLength(4);
    for (const { interval, seen } of sites) {
      expect(seen.examplesOutside).toBe(0);
      expect(interval[0] < seen.low && seen.low < seen.high && seen.high < interval[1]).toBe(true);
    }
    const shown = await cli('inspect', model, '--set', set, '--data', data);
    for (const part of ['seen', 'outside']) expect(shown.out).toContain(part);
    expect((await cli('inspect', model, '--set', set)).code).toBe(2);
  });

  it('eval gives the figures of the trained model, and counts examples outside an interval', async () => {
    const inference = await InferenceModel.create(config, weights, { batch: 10 });
    const reference = await evaluateClassification(inference, imageSplit(images, normalise, 10));
    await inference.close();
    const evaluated = await cli('eval', model, '--set', set, '--data', data, '--json');
    expect(evaluated.code).toBe(0);
    const figures = JSON.parse(evaluated.out);
    expect(figures).toMatchObject({
      examples: 100,
      correct: reference.correct,
      examplesOutsideAnInterval: 0,
      outside: [],
    });
    expect(figures.loss).toBeCloseTo(reference.loss, 5);

    const narrow = join(folder, 'narrow');
    save(narrow, { ...config, overrides: { 'layers.1.mlp.activation': { ...activation, low: -0.2, high: 0.2 } } });
    const outside = JSON.parse(
      (await cli('eval', narrow, '--set', set, '--data', data, '--limit', '10', '--json')).out,
    );
    expect(outside.examplesOutsideAnInterval).toBe(10);
    expect(outside.outside).toMatchObject([{ name: 'layers.1.mlp.activation', interval: [-0.2, 0.2], outside: 10 }]);
  });

  it('a damaged model is refused with the file and the field', async () => {
    const damaged = join(folder, 'damaged');
    save(damaged);
    const path = join(damaged, 'polynomial.json');
    const json = JSON.parse(readFileSync(path, 'utf8'));
    json.nodes[1].input = 7;
    writeFileSync(path, JSON.stringify(json));
    const { code, err } = await cli('inspect', damaged);
    expect(code).toBe(1);
    expect(err).toContain('nodes[1]');
    expect(err).toContain('input is 7');
  });
});

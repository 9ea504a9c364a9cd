// eval --encrypted end to end through the command line: a tiny vision transformer with random weights on an insecure ring.
// The references are computed here: labels from the file, logits from the evaluator and from ONNX Runtime.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import { writeProgram } from '@cipherformer/compiler';
import { calibrate, evaluate, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { readJson, savePolynomialModel } from '@cipherformer/model/files';
import {
  InferenceModel,
  imageSize,
  initialWeights,
  type ModelConfig,
  makePolynomialModel,
  normaliseImage,
  parseData,
  parseModelConfig,
  readMnist,
  saveModel,
  vitConfig,
} from '@cipherformer/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateEncrypted } from '../../src/evaluate/encrypted.ts';
import type { EncryptedEvaluation } from '../../src/evaluate/results-file.ts';
import { best } from '../../src/measure/statistics.ts';
import { insecureCli as cli } from './cli.ts';

const data = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'eval-encrypted-'));
const at = (name: string) => join(folder, name);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const normalise = { mean: [0.13], deviation: [0.31] };
const images = readMnist(join(data, files.images), join(data, files.labels));
const pixels = (i: number) => images.pixels.subarray(i * imageSize(images), (i + 1) * imageSize(images));

const activation = { kind: 'polynomial' as const, low: -8, high: 8, coefficients: [0.5, 0.5, 0.2, 0.05] };
const vit = (classes: number) =>
  vitConfig({
    ...{ image: { channels: 1, height: 28, width: 28 }, patch: 14, width: 8, layers: 1, heads: 2, mlpWidth: 16 },
    ...{ classes, pool: 'mean' },
  });
const polynomialConfig = parseModelConfig({
  ...vit(10),
  norm: { kind: 'frozen' },
  attention: { ...vit(10).attention, kind: 'pointwise', activation },
  mlp: { ...vit(10).mlp, activation },
});
const config: ModelConfig = parseModelConfig(vit(10));
const weights = initialWeights(config, 5);
let model: PolynomialModel;

const ask = (count: number, ...more: string[]) =>
  cli('eval', at('model'), '--original', at('original'), '--set', at('set.json'), '--data', data, '--encrypted', `${count}`, ...more); // biome-ignore format: one call

beforeAll(async () => {
  const insecure = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 10 }), { insecure: true });
  writeFileSync(at('set.json'), JSON.stringify({ data: { kind: 'mnist', train: files, test: files, validation: 20, normalise } })); // biome-ignore format: short
  for (const [name, seed] of [['', 1], ['-other', 2]] as const) {
    const made = makePolynomialModel({
      ...{ config: polynomialConfig, weights: initialWeights(polynomialConfig, seed), normalise, card: { name: 'tiny' } },
    });
    const inputs = Array.from({ length: 20 }, (_, i) => prepareInput(made, { pixels: pixels(i) }));
    const calibrated = { ...made, graph: calibrate(made.graph, inputs, 2) };
    savePolynomialModel(at(`model${name}`), calibrated);
    await writeProgram(at(`model${name}`), at(`program${name}`), { batch: 1 }, insecure);
    if (seed === 1) model = calibrated;
  } // biome-ignore format: pairs
  saveModel(at('original'), { config, weights, preprocess: { normalise } });
  const three = parseModelConfig(vit(3));
  saveModel(at('original-3'), { config: three, weights: initialWeights(three, 1), preprocess: { normalise } });
});

describe('eval --encrypted on an insecure ring', () => {
  let first: EncryptedEvaluation;

  it('gives four answers to every example, of every class in turn', async () => {
    const { out, err } = await ask(10, '--program', at('program'), '--json');
    first = JSON.parse(out);
    expect(err).toMatch(/run \d+\/\d+ .* ETA/);
    const { examples, summary } = first;
    expect(examples).toHaveLength(10);
    expect(new Set(examples.map(({ label }) => label)).size).toBe(10);
    const original = await InferenceModel.create(config, weights, { batch: 1 });
    const normalised = new Float32Array(imageSize(images));
    for (const example of examples) {
      const { index, label } = example;
      expect(label).toBe(images.labels[index]);
      normaliseImage(images, index, normalise, normalised, 0);
      expect(example.original).toEqual([...(await original.run({ images: normalised })).logits!]);
      const clear = [...evaluate(model.graph, prepareInput(model, { pixels: pixels(index) }))];
      const size = Math.max(...clear.map(Math.abs));
      for (const [k, value] of clear.entries()) {
        expect(Math.abs(example.polynomial[k]! - value)).toBeLessThan(1e-5 * size);
        expect(Math.abs(example.simulated[k]! - value)).toBeLessThan(1e-2 * size);
        expect(Math.abs(example.encrypted.logits[k]! - value)).toBeLessThan(1e-2 * size);
      }
      // Noise is there, and it is not the simulation's.
      expect(example.encrypted.logits).not.toEqual(example.polynomial);
      expect(example.encrypted.logits).not.toEqual(example.simulated);
      expect(example.encrypted.trusted).toBe(true);
    }
    await original.close();
    for (const form of ['original', 'polynomial'] as const)
      expect(summary.right[form]).toBe(examples.filter((e) => best(e[form]) === images.labels[e.index]).length);
    const met = new Map(first.targets.map((target) => [target.name, target.met]));
    expect(met.get('bytes of the keys')).toBe(true);
    expect(met.get('simulated and measured noise')).toBe(true);
    expect(met.get('largest logit as in clear')).toBe(true);
  });

  it('shows a table, and ends with code 3 where a target falls short', async () => {
    const { code, out, err } = await ask(1, '--program', at('program'));
    for (const part of ['INSECURE', 'polynomial', 'simulated', 'right: encrypted', 'bytes of the keys', 'seed 1'])
      expect(out).toContain(part);
    expect([out.includes('NO') ? 3 : 0, err.includes('fell short')]).toEqual([code, code === 3]);
  });

  it('goes on from the results of an interrupted run, and asks only what is missing', async () => {
    const file = at('results.json');
    const more = ['--program', at('program'), '--out', file, '--json', '--offset', '1'];
    await ask(1, ...more);
    const one = JSON.parse(readFileSync(file, 'utf8')) as EncryptedEvaluation;
    // Where a target falls short, by a busy machine, the error stands beside the results.
    const { error: _, ...printed } = JSON.parse((await ask(2, ...more)).out);
    const two = printed as EncryptedEvaluation;
    expect(two.examples[0]).toEqual(one.examples[0]);
    expect(two.examples.map(({ index }) => index)).toEqual(first.examples.slice(1, 3).map(({ index }) => index));
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(two);
    // Nothing is left to ask: no keys are made.
    const again = await ask(2, ...more);
    expect(again.err).not.toContain('keys');
    expect(JSON.parse(again.out).examples).toEqual(two.examples);
    expect((await ask(1, ...more)).err).toContain('--encrypted 2');
    expect((await ask(2, ...more, '--seed', '2')).err).toContain('choose another --out');
  });

  it('an interruption in the middle of a run leaves the examples before it', async () => {
    const stop = new AbortController();
    let answered = 0;
    const work = evaluateEncrypted({
      ...{ model: at('model'), original: at('original'), program: at('program'), root: data, split: 'test', count: 3 },
      ...{ data: parseData(readJson(at('set.json')), 'test'), out: at('interrupted.json'), signal: stop.signal },
      selection: { order: 'spread', seed: 1, offset: 0 },
      progress: {
        note() {},
        setUp() {},
        running: () => answered === 1 && stop.abort(new Error('enough')),
        answered: () => answered++,
      },
    }, { insecure: true }); // biome-ignore format: one call
    await expect(work).rejects.toThrow('enough');
    const { examples } = JSON.parse(readFileSync(at('interrupted.json'), 'utf8')) as EncryptedEvaluation;
    expect(examples.map(({ index }) => index)).toEqual([first.examples[0]!.index]);
  });

  it('can be stopped while keys are made', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const work = evaluateEncrypted({
      ...{ model: at('model'), original: at('original'), program: at('program'), root: data, split: 'test', count: 1 },
      ...{ data: parseData(readJson(at('set.json')), 'test'), signal: stop.signal },
      selection: { order: 'spread', seed: 1, offset: 0 },
      progress: {
        note() {},
        setUp({ done }) {
          seen.push(done);
          stop.abort(new Error('enough'));
        },
        running() {},
        answered() {},
      },
    }, { insecure: true }); // biome-ignore format: one call
    await expect(work).rejects.toThrow('enough');
    expect(seen).toEqual([1]);
  });

  it('asks a program for batches: the last one is not full, and each example gets its own answers', async () => {
    const parameters = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 10 }), { insecure: true });
    await writeProgram(at('model'), at('program-batch'), { batch: 2 }, parameters);
    const { out, err } = await ask(3, '--program', at('program-batch'), '--json');
    const { examples, batch, summary } = JSON.parse(out) as EncryptedEvaluation;
    expect(batch).toBe(2);
    expect(err).toMatch(/example \d+ and 1 more/);
    expect(summary.agree).toBe(3);
    for (const [i, { index, polynomial, simulated, encrypted }] of examples.entries()) {
      expect([index, polynomial]).toEqual([first.examples[i]!.index, first.examples[i]!.polynomial]);
      const size = Math.max(...polynomial.map(Math.abs));
      for (const [k, value] of polynomial.entries()) {
        expect(Math.abs(simulated[k]! - value)).toBeLessThan(1e-2 * size);
        expect(Math.abs(encrypted.logits[k]! - value)).toBeLessThan(1e-2 * size);
      }
    }
    // Two shared the first run; the third had one for itself.
    const [one, two] = examples.map(({ encrypted }) => encrypted.wallSeconds);
    expect(two).toBe(one);
  });

  it('takes keys that keygen wrote', async () => {
    await cli('keygen', at('program'), '--out', at('keys'));
    const { out } = await ask(1, '--program', at('program'), '--keys', at('keys'), '--json');
    const { examples, keyBytes } = JSON.parse(out) as EncryptedEvaluation;
    expect(keyBytes.measured).toBe(keyBytes.predicted);
    expect(best(examples[0]!.encrypted.logits)).toBe(best(examples[0]!.polynomial));
  });
});

it('flags examples far out of range, counts no figure of theirs, and ends with code 3', async () => {
  const wild = { mean: [0.13], deviation: [0.002] };
  writeFileSync(at('wild.json'), JSON.stringify({ data: { kind: 'mnist', train: files, test: files, validation: 20, normalise: wild } })); // biome-ignore format: short
  const { code, out, err } = await ask(2, '--program', at('program'), '--set', at('wild.json'), '--json');
  const { examples, summary } = JSON.parse(out) as EncryptedEvaluation;
  expect(examples.map(({ outside, encrypted }) => [outside, encrypted.trusted])).toEqual([[true, false], [true, false]]); // biome-ignore format: pairs
  expect([summary.flagged, summary.falseAlarms, summary.right.encrypted, summary.noiseBits]).toEqual([2, 0, 0, []]);
  expect(err).toContain('flagged');
  expect(err).toContain('no trusted answer');
  expect(code).toBe(3);
});

describe('what does not belong together is refused', () => {
  it.each([
    ['more examples than there are', ['101', '--program', 'program'], 'the split has 100'],
    ['an offset too far', ['2', '--offset', '99', '--program', 'program'], 'the split has 100'],
    ['a program of another model', ['1', '--program', 'program-other'], 'is the program of another model'],
    ['an original with other classes', ['1', '--program', 'program', '--original', 'original-3'], 'with 3 outputs'],
    ['a polynomial original', ['1', '--program', 'program', '--original', 'model-other'], 'give the trained model'],
    ['an option of another evaluation', ['1', '--limit', '3'], '--limit does not go with'],
  ])('%s', async (_, [count, ...more], message) => {
    const argv = more.map((word) => (existsSync(at(word)) ? at(word) : word));
    const { code, err, out } = await ask(Number(count), ...argv);
    expect(err).toContain(message);
    expect([code, out]).toEqual([2, '']);
  });

  it('a model that is not polynomial, no original, options without --encrypted', async () => {
    const words = ['--set', at('set.json'), '--data', data];
    const trained = await cli('eval', at('original'), '--original', at('original'), ...words, '--encrypted', '1');
    expect([trained.code, trained.err]).toEqual([2, expect.stringContaining('convert it first')]);
    const alone = await cli('eval', at('model'), ...words, '--encrypted', '1');
    expect([alone.code, alone.err]).toEqual([2, expect.stringContaining('--original')]);
    const lost = await cli('eval', at('model'), ...words, '--keys', at('keys'));
    expect([lost.code, lost.err]).toEqual([2, expect.stringContaining('needs --encrypted')]);
  });
});

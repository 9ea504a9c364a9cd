import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli, interruptedCli } from './cli.ts';

const data = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'train-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const recipePath = join(folder, 'tiny.json');
const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const recipe = {
  name: 'tiny',
  data: { kind: 'mnist', train: files, test: files, validation: 20, normalise: { mean: [0.13], deviation: [0.31] } },
  model: { preset: 'vit', width: 16, layers: 1, heads: 2, mlpWidth: 32, patch: 7 },
  training: { epochs: 3, batch: 20, learningRate: 0.005 },
};
writeFileSync(recipePath, JSON.stringify(recipe));
const run = join(folder, 'run');

/** Runs the command line in this process and returns what it wrote. */
describe('cipherformer train, eval, inspect', () => {
  beforeEach(() => vi.restoreAllMocks());

  it('trains, draws the curves, and evaluates the same model to the same figures', async () => {
    const log = join(folder, 'tiny.log.json');
    const trained = await cli('train', recipePath, '--data', data, '--out', run, '--test', '--json', '--log', log);
    expect(trained.err).toMatch(/tiny 12\/12 loss .* examples\/s \| done in/);
    expect(trained.code).toBe(0);
    const result = JSON.parse(trained.out);
    expect(result).toMatchObject({ steps: 12 });
    expect(result.test.examples).toBe(100);
    const curves = readFileSync(result.curves, 'utf8');
    for (const part of ['<svg', '>accuracy<', '>loss<', '>learning rate<']) expect(curves.includes(part)).toBe(true);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ step: 12, epoch: 3 });

    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({
      recipe: { name: 'tiny' },
      best: result.best,
      test: result.test,
      evaluations: [{ epoch: 1 }, { epoch: 2 }, { epoch: 3, accuracy: result.validation.accuracy }],
    });

    const evaluated = await cli('eval', run, '--data', data, '--json');
    expect(evaluated.code).toBe(0);
    expect(JSON.parse(evaluated.out)).toMatchObject({ accuracy: result.test.accuracy, correct: result.test.correct });
    const blind = await cli('eval', run, '--data', data, '--attention', 'uniform', '--split', 'validation', '--json');
    expect(JSON.parse(blind.out).examples).toBe(20);

    // A finished run has nothing left to do.
    expect(JSON.parse((await cli('train', recipePath, '--data', data, '--out', run, '--json')).out).steps).toBe(12);
  });

  it('after Ctrl-C ends with code 130 and says how to go on, and goes on', async () => {
    const path = join(folder, 'long.json');
    writeFileSync(path, JSON.stringify({ ...recipe, training: { ...recipe.training, epochs: 50 } }));
    const out = join(folder, 'stopped');
    const argv = ['train', path, '--data', data, '--out', out, '--json'];
    const stopped = await interruptedCli(join(out, 'metrics.jsonl'), ...argv);
    const words = expect.stringContaining('the same command goes on where it stopped');
    expect([stopped.code, JSON.parse(stopped.out).error.code, stopped.err]).toEqual([130, 'interrupted', words]);
    const before = readFileSync(join(out, 'metrics.jsonl'), 'utf8');
    expect(JSON.parse((await cli(...argv)).out).steps).toBe(200);
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8').startsWith(before)).toBe(true);
  });

  it('shows what a model is made of, its ranges, and writes it as ONNX', async () => {
    const onnx = join(folder, 'tiny.onnx');
    const shown = await cli(
      'inspect',
      run,
      '--data',
      data,
      '--set',
      recipePath,
      '--limit',
      '10',
      '--onnx',
      onnx,
      '--json',
    );
    const summary = JSON.parse(shown.out);
    expect(summary.tokens).toBe(16);
    const counted = summary.tensors.reduce(
      (sum: number, { shape }: { shape: number[] }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(summary.parameters).toBe(counted);
    expect(summary.operations.Gemm).toBe(1 + 4 + 1);
    expect(summary.ranges.map((range: { name: string }) => range.name)).toContain('layers.0.mlp.activation');
    expect(existsSync(onnx)).toBe(true);
    const table = (await cli('inspect', run)).out;
    expect(table).toMatch(/layers\.0\.attention\.qkv\.weight.*\[48, 16\].*768/);
    expect(table).toMatch(/a transformer of pictures that chooses one of 10 classes: 1 layers? of width 16/);
    expect(table).toMatch(/takes pictures of 28 x 28 grey pixels/);
    expect(table).toMatch(/can be converted; .*gelu of 1 MLPs: polynomials of degree 2.*encrypted, predicted/s);
    expect(summary.outlook).toMatchObject({ encrypted: { batch: 1 } });
  });

  it('a suite ends with 3 when a figure is not what was stated', async () => {
    const suite = join(folder, 'suite.json');
    const check = { name: 'c', model: 'run/model', data: 'tiny.json', split: 'test', figure: 'examples', tolerance: 0 };
    const write = (expected: number) => writeFileSync(suite, JSON.stringify({ checks: [{ ...check, expected }] }));
    write(100);
    expect((await cli('eval', '--suite', suite, '--data', data)).code).toBe(0);
    write(99);
    const short = await cli('eval', '--suite', suite, '--data', data);
    expect(short.code).toBe(3);
    expect(short.err).toMatch(/1 of 1 checks fell short/);
  });

  it('explains mistakes, with exit code 1 or 2', async () => {
    const missing = await cli('train', recipePath, '--data', join(folder, 'nowhere'), '--out', join(folder, 'x'));
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/nowhere.*no such file.*--data/s);
    expect((await cli('train', recipePath)).code).toBe(2);
    expect((await cli('train', recipePath, '--data', data, '--threads', '0')).code).toBe(2);
    expect((await cli('eval', '--data', data)).code).toBe(2);
    const other = join(folder, 'other.json');
    writeFileSync(other, JSON.stringify({ ...recipe, training: { ...recipe.training, epochs: 4 } }));
    const refused = await cli('train', other, '--data', data, '--out', run);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/run of another recipe.*--restart/s);
    const unknown = join(folder, 'mamba');
    await cli('inspect', unknown).then(({ code, err }) => {
      expect(code).toBe(1);
      expect(err).toMatch(/there is no .*: give a folder with config\.json/);
    });
  });
});

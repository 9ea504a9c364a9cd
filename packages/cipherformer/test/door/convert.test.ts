// From a folder with a trained model and examples in memory to an encrypted answer.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialWeights, saveModel, vitConfig } from '@cipherformer/nn';
import { type ConvertOptions, compile, connect, convert, datasets, loadModel, PolynomialModel, type Progress } from 'cipherformer'; // biome-ignore format: one list
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'door-convert-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const image = { channels: 1, height: 8, width: 8 };
const normalise = { mean: [0.5], deviation: [0.25] };
/** Bright above, or bright below. */
const example = (n: number) => ({
  pixels: Array.from({ length: 64 }, (_, i) => (i < 32 === (n % 2 === 0) ? 180 : 60) + ((i * 7 + n * 13) % 40)),
  label: n % 2,
});
const part = (from: number, count: number) => Array.from({ length: count }, (_, i) => example(from + i));
const data = { train: part(0, 64), validation: part(64, 16), test: part(80, 16), classes: ['above', 'below'], image, normalise }; // biome-ignore format: short
const train = { epochs: 6, learningRate: 5e-3, losses: { task: 1, range: 5 } };
const recipe: Exclude<ConvertOptions['recipe'], string | undefined> = {
  name: 'halves',
  batch: 16,
  calibration: 64,
  stages: [
    { name: 'attention', change: { kind: 'attention' }, train },
    { name: 'norms', change: { kind: 'freeze-norms' }, train },
    { name: 'polynomial', change: { kind: 'substitute', attention: [2], mlp: [2] }, train },
  ],
};

beforeAll(() => {
  const config = vitConfig({ image, patch: 4, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' });
  saveModel(at('original'), { config, weights: initialWeights(config, 1), preprocess: { normalise } });
});

// A temporary folder of this file's own: other processes use the machine's.
beforeEach(() => void vi.stubEnv('TMPDIR', mkdtempSync(at('tmp-'))));
afterEach(() => void vi.unstubAllEnvs());
const temporary = () => readdirSync(tmpdir()).filter((name) => /^cipherformer-(convert|model)-/.test(name));

describe('examples in memory', () => {
  it('make a polynomial model without a folder, which is asked encrypted', async () => {
    const before = temporary();
    const stages = new Set<string>();
    const original = await loadModel(at('original'));
    expect([original.name, original.config.head.outputs, original.tokenizer]).toEqual(['original', 2, undefined]);
    const { model, record } = await convert(original, data, {
      recipe,
      progress: ({ what }) => void stages.add(what.split('/')[0]!),
    });
    expect([...stages]).toEqual(expect.arrayContaining(['attention', 'polynomial', 'measuring']));
    expect(record.stages.at(-1)!.test!.accuracy).toBe(1);
    expect([model.folder, model.classes]).toEqual([undefined, data.classes]);
    const program = await compile(model, { folder: at('program'), parameters: insecureParameters() });
    program.close();
    expect(temporary()).toEqual(before);
    const connection = await connect(at('program'), { insecure: true });
    const answers = await connection.ask(data.test.slice(0, 2).map(({ pixels }) => ({ pixels })));
    expect([...answers].map(({ label }) => label)).toEqual(['above', 'below']);
    await connection.close();
    await model.save(at('saved'));
    await expect(model.save(at('saved'))).rejects.toMatchObject({ code: 'damaged-file' });
    const clear = await (await PolynomialModel.load(at('saved'))).predict({ pixels: data.test[1]!.pixels });
    expect(clear.results[0]!.labels![0]!.label).toBe('below');
  }, 120_000);

  it('go on in a folder where they were interrupted, and are known again', async () => {
    const opened = await datasets.load(data);
    writeFileSync(at('recipe.json'), JSON.stringify(recipe));
    const options = { recipe: at('recipe.json'), folder: at('run') };
    const stop = new AbortController();
    const progress = ({ what }: Progress) => {
      if (what.startsWith('norms')) stop.abort(new Error('enough'));
    };
    await expect(convert(at('original'), opened, { ...options, progress, signal: stop.signal })).rejects.toThrow('enough');
    expect(existsSync(at('run/conversion.json'))).toBe(false);
    const seen: string[] = [];
    const { model, record } = await convert(at('original'), opened, { ...options, progress: ({ what }) => seen.push(what) });
    expect(seen.some((what) => what.startsWith('attention'))).toBe(false);
    expect([model.folder, record.stages.filter(({ complete }) => complete).length]).toEqual([at('run'), 4]);
    const other = { ...data, train: part(7, 64) };
    await expect(convert(at('original'), other, options)).rejects.toMatchObject({ code: 'other-run' });
  }, 120_000); // biome-ignore format: short
});

describe('without a recipe', () => {
  it('one is chosen', async () => {
    const stop = new AbortController();
    const progress = () => stop.abort(new Error('enough'));
    await expect(convert(at('original'), data, { folder: at('chosen'), progress, signal: stop.signal })).rejects.toThrow('enough');
    const { recipe: chosen } = JSON.parse(readFileSync(at('chosen/recipe.json'), 'utf8'));
    expect([chosen.name, chosen.batch, chosen.stages.map(({ name }: { name: string }) => name)]).toEqual([
      'original', 8, ['attention', 'norms', 'range', 'polynomial', 'steady'],
    ]);
  }, 60_000); // biome-ignore format: short
});

describe('what cannot be converted', () => {
  it('is told before anything starts', async () => {
    await expect(convert(at('original'), data, { recipe: 5 as never })).rejects.toMatchObject({ code: 'bad-usage' });
    await expect(convert(at('none'), data, { recipe })).rejects.toMatchObject({ code: 'missing-file' });
    await expect(convert(at('original'), data, { recipe: { ...recipe, stages: [] } })).rejects.toMatchObject({ code: 'bad-config' }); // biome-ignore format: short
    await expect(convert(at('original'), { ...data, test: [] }, { recipe })).rejects.toMatchObject({
      code: 'bad-data',
    });
    await expect(convert(at('original'), { ...data, classes: ['a', 'b', 'c'] }, { recipe })).rejects.toMatchObject({ code: 'bad-config' }); // biome-ignore format: short
    const polynomial = join(import.meta.dirname, '../../../../models/mnist-vit-polynomial');
    await expect(loadModel(polynomial)).rejects.toThrow('PolynomialModel.load');
    expect(temporary()).toEqual([]);
  });
});

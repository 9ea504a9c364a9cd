// A Llama that nobody has texts for: it writes its own, and is converted on them.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadPolynomialModel } from '../../../model/src/files/folder.ts';
import { convert } from '../../src/convert/convert.ts';
import { parseConversion } from '../../src/convert/recipe.ts';
import { selfWrittenData } from '../../src/convert/training/self-written.ts';
import type { SelfWrittenConfig } from '../../src/data/config.ts';
import { writeTexts } from '../../src/evaluate/write-texts.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { llamaConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'self-written-'));
afterAll(() => rmSync(folder, { recursive: true }));

const config = llamaConfig({
  ...{ vocabulary: 26, maxTokens: 17, width: 16, layers: 1, heads: 2, keyValueHeads: 1, mlpWidth: 24 },
  ...{ epsilon: 1e-5, rotaryBase: 100, interleaved: true, tied: true },
});
const weights = initialWeights(config, 1);
const original = { config, weights, preprocess: {} };
const tokenizer = characterTokenizer(['abcdefghijklmnopqrstuvwxyz']);
const data: SelfWrittenConfig = {
  kind: 'self-written',
  texts: 64,
  held: 32,
  tokens: 8,
  beginning: 3,
  temperature: 1,
  seed: 1,
};

it('texts are the same for a seed, whatever their number, and another temperature gives others', async () => {
  const write = (count: number, temperature: number) =>
    writeTexts(config, weights, { count, tokens: 9, beginning: 3, temperature, seed: 1 });
  const few = await write(3, 1);
  const many = await write(70, 1);
  expect(many.slice(0, 3)).toEqual(few);
  expect(many.every((text) => text[0] === 3 && text.length === 9)).toBe(true);
  expect(new Set(many.map((text) => text.join())).size).toBeGreaterThan(60);
  expect(await write(3, 0.01)).not.toEqual(few);
}, 60_000);

it('what was written is kept beside the conversion and read again, for the same texts alone', async () => {
  const set = await selfWrittenData(original, data, { tokenizer, folder });
  expect(set.train.streams).toHaveLength(64);
  expect(set.test.streams).toHaveLength(32);
  const file = join(folder, 'self-written.json');
  const kept = readFileSync(file, 'utf8');
  writeFileSync(file, kept.replace('[[3,', '[[25,'));
  expect((await selfWrittenData(original, data, { tokenizer, folder })).train.streams[0]![0]).toBe(25);
  expect((await selfWrittenData(original, { ...data, seed: 2 }, { tokenizer, folder })).train.streams[0]![0]).toBe(3);
}, 60_000);

it('a Llama is converted on them without any data', async () => {
  const train = {
    epochs: 1,
    learningRate: 3e-3,
    averageDecay: 0.9,
    odd: 0.125,
    losses: { range: 5, task: 0, distillation: 1 },
  };
  const distances = { scaling: '1/sqrt(t+1)', distanceWeights: true, distanceOffsets: true, balance: true };
  const recipe = parseConversion(
    {
      name: 'tiny-llama',
      data,
      batch: 16,
      calibration: 48,
      stages: [
        { name: 'attention', change: { kind: 'attention', ...distances }, train },
        { name: 'norms', change: { kind: 'freeze-norms', order: 'all' }, train },
        { name: 'polynomial', change: { kind: 'substitute', mlp: [2] }, train },
      ],
    },
    'test',
  );
  const out = join(folder, 'out');
  const { record } = await convert(original, recipe, { out, modelName: 'tiny-llama', tokenizer });
  expect(existsSync(join(out, 'self-written.json'))).toBe(true);
  expect(record!.exported.logitDifference).toBeLessThan(1e-3);
  // Projection, turn, scores, parabola, attend, output; gate, parabola, product, output.
  expect(record!.exported.levels.parts.find(({ name }) => name === 'layers.0')!.levels).toBe(10);
  expect(loadPolynomialModel(out).graph.nodes.some(({ op }) => op === 'multiplyTable')).toBe(true);
}, 120_000);

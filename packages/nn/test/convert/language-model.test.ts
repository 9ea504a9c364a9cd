import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadPolynomialModel } from '../../../model/src/files/folder.ts';
import { convert } from '../../src/convert/convert.ts';
import { gptConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';
import { recipe, root } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'language-model-'));
afterAll(() => rmSync(folder, { recursive: true }));

const config = gptConfig({ vocabulary: 257, maxTokens: 16, width: 16, layers: 1, heads: 2, mlpWidth: 32, tied: true });
const data = {
  kind: 'corpus',
  files: ['moby-dick-opening.txt.gz'],
  split: [0.8, 0.1, 0.1],
  tokens: 16,
  tokenizer: { kind: 'train-bpe', size: 257 },
};
const train = { epochs: 0.2, learningRate: 3e-3, averageDecay: 0.9, losses: { range: 5, task: 1 } };
const attention = { kind: 'attention', scaling: '1/sqrt(t+1)', distanceWeights: true, distanceOffsets: true };

it('a language model with attention by distance is converted, exported with its tables and answers as trained', async () => {
  const stages = [
    { name: 'attention', change: attention, train },
    { name: 'norms', change: { kind: 'freeze-norms', order: 'all' }, train },
    { name: 'polynomial', change: { kind: 'substitute', mlp: [2] }, train },
  ];
  const { record, model } = await convert(
    { config, weights: initialWeights(config, 1), preprocess: {} },
    recipe(stages, { data }),
    { dataRoot: root, out: join(folder, 'out'), modelName: 'tiny' },
  );
  // What is exported is the trained form, in the same eight levels as without tables.
  expect(record!.exported.logitDifference).toBeLessThan(1e-3);
  expect(record!.exported.levels.parts.find(({ name }) => name === 'layers.0')!.levels).toBe(8);
  const learned = model.weights.get('layers.0.attention.map.distance_weight')!.data;
  expect(Math.max(...learned) - Math.min(...learned)).toBeGreaterThan(0.01);
  const { nodes } = loadPolynomialModel(join(folder, 'out')).graph;
  const attend = nodes.find(({ op }) => op === 'attend');
  expect(attend).toMatchObject({ op: 'attend', causal: true });
  const { weights } = attend as Extract<typeof attend, { op: 'attend' }>;
  // Entry (t, j) = (5, 3) of head 1 over (7, 5): the same distance, other numbers of keys.
  const at = (t: number, j: number) => weights![(16 + t) * 16 + j]!;
  expect(at(5, 3) / at(7, 5)).toBeCloseTo(Math.sqrt(8 / 6), 5);
  expect(Math.max(...weights!.map(Math.abs))).toBe(1);
}, 120_000);

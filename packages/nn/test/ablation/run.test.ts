import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import type { AblationCell } from '../../src/ablation/cell.ts';
import { parseAblation } from '../../src/ablation/recipe.ts';
import { runAblation } from '../../src/ablation/run.ts';
import { summarise } from '../../src/ablation/summary.ts';
import type { Model } from '../../src/checkpoints/model-folder.ts';
import { config, data, root, trainedWeights } from '../convert/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablation-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base = {
  name: 'tiny',
  data,
  batch: 16,
  calibration: 48,
  stages: [
    { name: 'attention', change: { kind: 'attention' }, train: { epochs: 24, learningRate: 2e-3, averageDecay: 0.9 } },
    { name: 'norms', change: { kind: 'freeze-norms', order: 'all' }, train: { epochs: 12, averageDecay: 0.9 } },
    { name: 'polynomial', change: { kind: 'substitute' }, train: { epochs: 24, averageDecay: 0.9 } },
  ],
};
const ablation = parseAblation(
  {
    name: 'tiny',
    conversion: 'c.json',
    model: 'm',
    seeds: [1, 2],
    trainingShare: 0.5,
    limit: 200,
    variants: [
      { name: 'base', axis: 'base', description: 'as it is' },
      {
        name: 'layer-norm',
        axis: 'norms',
        description: 'LayerNorm kept, no factor on the maps',
        patch: { stages: { norms: null, attention: { change: { scaling: 'none' } } } },
      },
      {
        name: 'batch-norm',
        axis: 'norms',
        description: 'BatchNorm',
        patch: { stages: { norms: { change: { kind: 'batch-norms', order: null } } } },
      },
      {
        name: 'margin',
        axis: 'margin',
        description: 'twice what was seen',
        patch: { stages: { polynomial: { change: { margin: 2 } } } },
      },
      {
        name: 'narrow',
        axis: 'widest',
        description: 'an interval that no site fits',
        patch: { stages: { polynomial: { change: { widest: 0.01 } } } },
      },
    ],
  },
  'a.json',
);
const model = async (): Promise<Model> => ({
  config,
  weights: await trainedWeights(),
  preprocess: { normalise: { mean: [0.1307], deviation: [0.3081] } },
});
const out = join(folder, 'run');
const options = { dataRoot: root, out, modelName: 'tiny' };

describe('an ablation', () => {
  it('converts every variant with every seed, goes on where it stopped, and keeps failures as results', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const first: AblationCell[] = [];
    const stopped = runAblation(ablation, base, await model(), {
      ...options,
      signal: stop.signal,
      progress: ({ variant }) => variant === 'batch-norm' && stop.abort(reason),
      onCell: (cell) => first.push(cell),
    });
    await expect(stopped).rejects.toBe(reason);
    expect(first).toHaveLength(2);
    const kept = join(out, 'cells', 'base', 'seed-1', 'cell.json');
    const before = statSync(kept).mtimeMs;
    const parts = new Map<string, Set<string>>();
    const cells = await runAblation(ablation, base, await model(), {
      ...options,
      progress({ variant, what: part, loss }) {
        if (loss !== undefined) parts.set(variant, (parts.get(variant) ?? new Set()).add(part));
      },
    });
    expect(statSync(kept).mtimeMs).toBe(before);
    expect(cells).toHaveLength(10);
    expect(cells.slice(0, 2)).toEqual(first);
    // What differs from the base in its last stage goes on from there, and comes out as if it had not.
    expect([...parts.get('margin')!]).toEqual(['polynomial']);
    expect([...parts.get('base')!]).toEqual(['attention', 'norms', 'polynomial']);
    const alone = { ...ablation, seeds: [1], variants: ablation.variants.filter(({ name }) => name === 'margin') };
    const [whole] = await runAblation(alone, base, await model(), { ...options, out: join(folder, 'alone') });
    const shared = cells.find(({ variant }) => variant === 'margin')!;
    expect({ ...shared.figures, seconds: 0 }).toEqual({ ...whole!.figures, seconds: 0 });
    expect(existsSync(join(out, 'cells', 'base', 'seed-1', 'stages'))).toBe(false);

    const rows = new Map(summarise(ablation, cells).map((row) => [row.variant.name, row]));
    const result = (name: string) => rows.get(name)!.estimates!.result.mean;
    // Test images are training images here: a model that works knows most of them, chance is 0.1.
    for (const name of ['base', 'layer-norm', 'batch-norm']) expect(result(name)).toBeGreaterThan(0.6);
    expect(rows.get('base')!.estimates!.levels.mean).toBe(2);
    expect(rows.get('narrow')).toMatchObject({ stable: false, failures: 2 });
    expect(rows.get('narrow')!.cells[0]!.failure).toMatch(/layers\.0\.\w+\.activation.*half-width/);
    // Another seed is another order of the data.
    expect(cells[0]!.figures).not.toEqual(cells.find(({ seed }) => seed === 2)!.figures);
  }, 120_000);

  it('refuses cells of another recipe', async () => {
    const other = { ...ablation, trainingShare: 0.25 };
    await expect(runAblation(other, base, await model(), options)).rejects.toThrow(ConfigError);
  });
});

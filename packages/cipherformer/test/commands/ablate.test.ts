import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AblationCell, parseAblation, summarise } from '@cipherformer/nn';
import { afterAll, describe, expect, it } from 'vitest';
import { ablationPage, ablationTable } from '../../src/report/ablation.ts';
import { cli, interruptedCli } from './cli.ts';

const data = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'ablate-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const digits = {
  kind: 'mnist',
  train: files,
  test: files,
  validation: 36,
  normalise: { mean: [0.13], deviation: [0.31] },
};
const variants = [
  { name: 'base', axis: 'base', description: 'as it is' },
  {
    name: 'narrow',
    axis: 'widest interval',
    description: 'none fits <0.01>',
    patch: { stages: { polynomial: { change: { widest: 0.01 } } } },
  },
];
const save = (name: string, value: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
};

describe('cipherformer ablate', () => {
  it('converts, compares, and writes the table as text, CSV, JSON and a page', async () => {
    const model = { preset: 'vit', width: 8, layers: 1, heads: 2, mlpWidth: 16, patch: 14 };
    const training = { epochs: 4, batch: 16, learningRate: 0.01 };
    const train = save('train.json', { name: 'tiny', data: digits, model, training });
    expect((await cli('train', train, '--data', data, '--out', join(folder, 'model'), '--json')).code).toBe(0);
    save('convert.json', {
      name: 'tiny',
      data: digits,
      batch: 16,
      calibration: 48,
      stages: [
        { name: 'attention', change: { kind: 'attention' } },
        { name: 'norms', change: { kind: 'freeze-norms', order: 'all' } },
        { name: 'polynomial', change: { kind: 'substitute' }, train: { epochs: 2 } },
      ],
    });
    const ablation = { name: 'tiny', conversion: 'convert.json', model: 'model', seeds: [1, 2], limit: 48, variants };
    const path = save('ablation.json', ablation);
    const out = join(folder, 'out');

    const cell = join(out, 'cells', 'base', 'seed-1', 'cell.json');
    const stopped = await interruptedCli(cell, 'ablate', path, '--data', data, '--out', out);
    const words = expect.stringContaining('the same command goes on where it stopped');
    expect([stopped.code, stopped.out, stopped.err]).toEqual([130, '', words]);
    // Whoever stops it has the tables of the cells there are.
    const there = readFileSync(join(out, 'cells.csv'), 'utf8').trim().split('\r\n').length - 1;
    expect([1, 2, 3]).toContain(there);

    const first = await cli('ablate', path, '--data', data, '--out', out);
    expect(first.err).toMatch(/\[4\/4\] narrow, seed 2: failed: layers\.0\./);
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/widest interval.*0 of 2.*2 failed/);
    expect(first.out).toContain('on the first 48 training examples');

    const again = await cli('ablate', path, '--data', data, '--out', out, '--json');
    const result = JSON.parse(again.out);
    expect(result).toMatchObject({ rows: [{ stable: true }, { stable: false, failures: 2 }] });
    const csv = readFileSync(join(out, 'cells.csv'), 'utf8').split('\r\n');
    const mean = (Number(csv[1]!.split(',')[7]) + Number(csv[3]!.split(',')[7])) / 2;
    expect(csv[0]!.split(',')[7]).toBe('result');
    expect(result.rows[0].estimates.result.mean).toBeCloseTo(mean, 12);
    expect(JSON.parse(readFileSync(join(out, 'ablation.json'), 'utf8')).cells).toEqual(result.cells);

    const document = readFileSync(join(out, 'ablation.md'), 'utf8');
    expect(document).toMatch(/^\| base \| as it is \| 2 of 2 \| [\d.]+ ± [\d.]+ \| – \|/m);
    expect(document).toMatch(/^- narrow, seed 2: layers\.0\./m);

    const page = readFileSync(join(out, 'ablation.html'), 'utf8');
    expect(page).toContain('none fits &lt;0.01&gt;');
    expect(page).toContain('id="variants"');
    expect(page.replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:|<script|NaN|undefined/);
  }, 300_000);
});

describe('the table of an ablation', () => {
  const ablation = parseAblation({ name: 'a', conversion: 'c', model: 'm', seeds: [1, 2, 3], variants }, 'a.json');
  const cell = (seed: number, result: number): AblationCell => ({
    variant: 'base',
    seed,
    figures: {
      figure: 'accuracy',
      original: 0.99,
      result,
      gap: result - 0.99,
      levels: 12,
      outside: 0.005,
      attention: 5,
      mlp: 6,
      variance: 40,
      rollbacks: 0,
      steps: 10,
      seconds: 36,
    },
  });

  it('shows means with half the interval', () => {
    const { head, rows } = ablationTable(summarise(ablation, [cell(1, 0.97), cell(2, 0.98), cell(3, 0.99)]));
    const row = Object.fromEntries(head.map((name, i) => [name, rows[0]![i]]));
    // Standard deviation 1 point, standard error 0.577, Student's factor 4.303: half width 2.48.
    expect(row).toMatchObject({
      'accuracy (%), test': '98.00 ± 2.48',
      'against base (points)': '–',
      levels: '12',
      'out of range': '0.50 %',
      stable: 'yes',
    });
  });

  it('makes a page where nothing was converted', async () => {
    expect(await ablationPage(ablation, [{ variant: 'base', seed: 1, failure: 'diverged' }])).toContain('diverged');
  });
});

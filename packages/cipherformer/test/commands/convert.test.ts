import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialWeights, saveModel, vitConfig } from '@cipherformer/nn';
import { afterAll, describe, expect, it } from 'vitest';
import { cli, interruptedCli } from './cli.ts';

const data = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'convert-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const image = { channels: 1, height: 28, width: 28 };
const config = vitConfig({ image, patch: 14, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 10, pool: 'mean' });
const model = join(folder, 'model');
saveModel(model, { config, weights: initialWeights(config, 1), preprocess: {} });

const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const train = { epochs: 5, learningRate: 0.001 };
const recipe = {
  name: 'tiny',
  data: { kind: 'mnist', train: files, test: files, validation: 36, normalise: { mean: [0.13], deviation: [0.31] } },
  batch: 16,
  calibration: 48,
  stages: [
    { name: 'attention', change: { kind: 'attention' }, train },
    { name: 'norms', change: { kind: 'freeze-norms' }, train },
    { name: 'polynomial', change: { kind: 'substitute' }, train },
  ],
};
const recipePath = join(folder, 'tiny.json');
writeFileSync(recipePath, JSON.stringify(recipe));

/** Runs the command line in this process and returns what it wrote. */
const convert = (...more: string[]) => cli('convert', model, '--recipe', recipePath, '--data', data, ...more);

describe('cipherformer convert', () => {
  it('plans without writing anything', async () => {
    const out = join(folder, 'planned here');
    const { code, out: text, err } = await convert('--dry-run', '--out', out, '--seed', '2', '--half');
    expect(code).toBe(0);
    expect(err).toContain(
      `next: npx cipherformer convert ${model} --recipe ${recipePath} --data ${data} --out '${out}' --seed 2 --half\n`,
    );
    expect(text).toMatch(/norms\/layers\.0\.norm2.*polynomial.*100 steps, about.*levels of a layer's polynomials: 2/s);
    expect(existsSync(out)).toBe(false);
  });

  it('converts, shows the table and leaves everything that it names', async () => {
    const out = join(folder, 'run');
    const { code, out: text, err } = await convert('--out', out);
    expect(code).toBe(0);
    expect(err).toMatch(/attention: accuracy .* on validation, 20 steps/);
    expect(text).toMatch(/original.*polynomials of degree 2 at 2 sites.*layers\.0 8/s);
    for (const file of ['polynomial.json', 'README.md', 'conversion.json', 'report.html', 'trained/config.json']) {
      expect(existsSync(join(out, file)), file).toBe(true);
    }
    const again = await convert('--out', out, '--json');
    expect(JSON.parse(again.out)).toMatchObject({
      format: 'cipherformer-conversion/1',
      exported: { levels: { total: 10 } },
      targets: [{ target: 'attention', met: true }, { target: 'mlp' }, { target: 'outsidePerThousand' }],
    });
  }, 30_000);

  it('after Ctrl-C ends with code 130 and says how to go on, and goes on', async () => {
    const out = join(folder, 'stopped');
    const argv = ['convert', model, '--recipe', recipePath, '--data', data, '--out', out];
    const { code, out: text, err } = await interruptedCli(join(out, 'stages'), ...argv);
    expect([code, text, err]).toEqual([130, '', expect.stringContaining('the same command goes on where it stopped')]);
    expect(existsSync(join(out, 'conversion.json'))).toBe(false);
    expect((await cli(...argv)).code).toBe(0);
  }, 30_000);

  it('trains the original on as a control, which the page and a comparison show', async () => {
    const out = join(folder, 'run');
    const { code, out: text } = await convert('--out', out, '--control');
    expect(code).toBe(0);
    expect(text).toMatch(/original.*training only.*no part was changed/s);
    expect(existsSync(join(out, 'control', 'trained', 'config.json'))).toBe(true);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('original, continued');
    const compared = await cli('compare', out, '--json');
    expect(JSON.parse(compared.out)).toMatchObject({ figure: 'accuracy', examples: 100, seeds: [{ seed: 1 }] });
    const table = await cli('compare', out, '--markdown');
    expect(table.out).toMatch(/\| seed .*original, continued.*\n.*gap to the better of the two originals/s);
    const alone = await cli('report', join(out, 'control'));
    expect(alone.err).toMatch(/holds a control/);
    const ranges = await cli('ranges', out, join(out, 'conversion.json'), '--json');
    expect(JSON.parse(ranges.out)).toMatchObject({
      limits: { attention: 8 },
      conversions: [{ name: 'tiny, seed 1' }, {}],
    });
    expect((await cli('ranges', out)).out).toMatch(/tiny, seed 1.*none is divided by/s);
  }, 60_000);

  it('says which entry of a recipe is wrong', async () => {
    writeFileSync(recipePath, JSON.stringify({ ...recipe, batch: 0 }));
    const { code, err } = await convert('--dry-run');
    expect(code).not.toBe(0);
    expect(err).toMatch(/tiny\.json.*batch/s);
  });
});

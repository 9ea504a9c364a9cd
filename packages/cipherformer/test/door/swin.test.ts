// A Swin transformer, its windows moved and its patches merged, from a folder with a trained model to an encrypted answer.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialWeights, parseModelConfig, saveModel } from '@cipherformer/nn';
import { type ConvertOptions, compile, connect, convert, loadModel, PolynomialModel } from 'cipherformer';
import { afterAll, describe, expect, it } from 'vitest';
import { insecureParameters } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'door-swin-'));
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
const train = { epochs: 3, learningRate: 5e-3, losses: { task: 1, range: 5 } };
const recipe: Exclude<ConvertOptions['recipe'], string | undefined> = {
  ...{ name: 'halves', batch: 16, calibration: 64 },
  stages: [
    { name: 'attention', change: { kind: 'attention', balance: true }, train },
    { name: 'norms', change: { kind: 'freeze-norms', order: 'all' }, train },
    { name: 'polynomial', change: { kind: 'substitute' }, train },
  ],
};

/** Windows of 2 in 4 x 4 patches, in the second block moved by one, then one window of the 2 x 2 that are left. */
const config = parseModelConfig({
  task: 'image-classification',
  embedding: { kind: 'patch', ...image, patch: 2, norm: true },
  positions: { kind: 'none' },
  ...{ width: 4, layers: 3, pool: 'mean' },
  attention: { heads: 1, headWidth: 4 },
  mlp: { width: 8 },
  norm: { kind: 'layer' },
  stages: { window: 2, blocks: [{ layers: 2, heads: 1 }, { layers: 1, heads: 2 }] },
  head: { outputs: 2 },
}); // biome-ignore format: short

describe('a Swin transformer', () => {
  it('is converted, and its encrypted answers are those in clear', async () => {
    saveModel(at('original'), { config, weights: initialWeights(config, 1), preprocess: { normalise } });
    const { model, record } = await convert(await loadModel(at('original')), data, { recipe });
    expect(record.stages.at(-1)!.test!.accuracy).toBe(1);
    expect(Object.keys(record.levels)).toEqual(['layers.0', 'layers.1', 'layers.2']);
    // The client embeds patches, with their normalisation: it divides as the original did.
    await model.save(at('converted'));
    const { preprocess } = JSON.parse(readFileSync(join(at('converted'), 'polynomial.json'), 'utf8'));
    expect(preprocess.embedding).toEqual({ bias: true, norm: { kind: 'layer', epsilon: 1e-5 } });
    const read = await PolynomialModel.load(at('converted'));
    const asRead = await read.predict(data.test.slice(0, 2).map(({ pixels }) => ({ pixels })));
    const program = await compile(model, { folder: at('program'), parameters: insecureParameters() });
    program.close();
    const connection = await connect(at('program'), { insecure: true });
    const asked = data.test.slice(0, 2).map(({ pixels }) => ({ pixels }));
    const answers = [...(await connection.ask(asked))];
    await connection.close();
    const clear = await model.predict(asked);
    expect(asRead.results).toEqual(clear.results);
    expect(answers.map(({ label }) => label)).toEqual(['above', 'below']);
    for (const [i, answer] of answers.entries()) {
      const expected = clear.results[i]!.logits as readonly number[];
      const size = Math.max(...expected.map(Math.abs));
      expect(answer.inRange).toBe(true);
      const logits = [...answer.reveal().logits!] as number[];
      for (const [k, logit] of logits.entries()) expect(Math.abs(logit - expected[k]!)).toBeLessThan(1e-2 * size);
      expect(logits).not.toEqual([...expected]);
    }
  }, 120_000);
});

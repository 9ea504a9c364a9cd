import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import {
  gptConfig,
  InferenceModel,
  initialWeights,
  loadTokenizer,
  makePolynomialModel,
  parseModelConfig,
  saveModel,
  vitConfig,
} from '@cipherformer/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainByteBpe } from '../../../nn/src/text/bpe.ts';
import { png } from '../input/png.ts';
import { cli } from './cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'predict-cli-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const normalise = { mean: [0.4], deviation: [0.3] };
const pixels = Array.from({ length: 64 }, (_, i) => (i * 37) % 256);
const values = pixels.map((byte) => (byte / 255 - 0.4) / 0.3);
const classes = ['cat', 'dog', 'bird'];

/** A transformer that is polynomial already: ONNX Runtime and the graph's own evaluation have to say the same of it. */
function saveBothForms(): void {
  const activation = { kind: 'polynomial' as const, low: -6, high: 6, coefficients: [1.5, 3, 1.2, 0, -0.2] };
  const image = { channels: 1, height: 8, width: 8 };
  const vit = vitConfig({ image, patch: 4, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: 3, pool: 'mean' });
  const config = parseModelConfig({
    ...vit,
    norm: { kind: 'frozen' },
    attention: { ...vit.attention, kind: 'pointwise', activation },
    mlp: { ...vit.mlp, activation },
  });
  const weights = initialWeights(config, 1);
  saveModel(at('original'), { config, weights, preprocess: { normalise, classes } });
  const made = makePolynomialModel({ config, weights, normalise, classes, card: { name: 'tiny' } });
  savePolynomialModel(at('polynomial'), { ...made, graph: calibrate(made.graph, [prepareInput(made, { pixels })], 2) });
}

const language = parseModelConfig(gptConfig({ vocabulary: 300, maxTokens: 12, tied: true, width: 16, layers: 1, heads: 2, mlpWidth: 32 })); // biome-ignore format: short

beforeAll(() => {
  saveBothForms();
  const tokenizer = trainByteBpe(['the whale rose slowly out of the sea, and the sea was calm'], 300, []);
  saveModel(at('language'), { config: language, weights: initialWeights(language, 2), preprocess: {} }, tokenizer);
  writeFileSync(at('digit.png'), png(8, 8, 1, pixels));
});

const results = async (...argv: string[]) => {
  const { code, out, err } = await cli('predict', ...argv, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out).results;
};

describe('predict', () => {
  it('says what a model saw and says, the same of both forms', async () => {
    const [original] = await results(at('original'), '--image', at('digit.png'), '--pixels');
    const [polynomial] = await results(at('polynomial'), '--image', at('digit.png'), '--pixels');
    for (const { pixels: seen } of [original, polynomial]) {
      expect(seen.shape).toEqual([1, 8, 8]);
      const bytes = Buffer.from(seen.base64, 'base64');
      for (const [i, value] of values.entries()) expect(bytes.readFloatLE(4 * i)).toBeCloseTo(value, 5);
    }
    expect([original.inRange, polynomial.inRange]).toEqual([undefined, true]);
    expect(original.logits.length).toBe(3);
    for (const [k, logit] of original.logits.entries()) expect(polynomial.logits[k]).toBeCloseTo(logit, 4);
    const scores = original.logits.map(Math.exp);
    const sum = scores.reduce((a: number, b: number) => a + b, 0);
    expect(original.labels.map(({ label }: { label: string }) => label).sort()).toEqual([...classes].sort());
    for (const { label, score } of original.labels) expect(score).toBeCloseTo(scores[classes.indexOf(label)] / sum, 6);
    expect(original.labels[0].score).toBe(Math.max(...original.labels.map(({ score }: { score: number }) => score)));
  });

  it('of a language model: the logits after the last token, labels as they would be written', async () => {
    const tokenizer = loadTokenizer(at('language'));
    const ids = tokenizer.encode('the whale');
    const [text, again] = await results(at('language'), '--text', 'the whale', '--ids', ids.join(','), '--top', '2');
    expect(text.ids).toEqual(ids);
    expect(again).toEqual(text);
    // At its full length, where the mask hides what follows.
    const model = await InferenceModel.create(language, initialWeights(language, 2), { batch: 1, tokens: 12 });
    const { logits } = await model.run({ ids: BigInt64Array.from({ length: 12 }, (_, t) => BigInt(ids[t] ?? 0)) });
    const wanted = logits!.slice((ids.length - 1) * 300, ids.length * 300);
    await model.close();
    for (const [k, value] of text.logits.entries()) expect(value).toBeCloseTo(wanted[k]!, 5);
    const best = wanted.indexOf(Math.max(...wanted));
    expect([text.labels.length, text.labels[0].label]).toEqual([2, tokenizer.decode([best])]);
  });

  it('a text over the limit is cut, with a warning; an empty one is refused', async () => {
    const { code, out, err } = await cli('predict', at('language'), '--text', 'the whale rose '.repeat(20), '--json');
    expect([code, JSON.parse(out).results[0].ids.length]).toEqual([0, 12]);
    expect(err).toMatch(/^warning the text has \d+ tokens, the model takes 12/);
    const empty = await cli('predict', at('language'), '--text', '', '--json');
    expect([empty.code, JSON.parse(empty.out).error]).toEqual([1, { code: 'bad-data', message: expect.stringContaining('The text is empty'), hint: expect.any(String) }]); // biome-ignore format: short
  });

  it.each([
    [['--pair', 'b', '--text', 'a'], 2, 'bad-usage', 'belongs to the --text before it'],
    [[], 2, 'bad-usage', 'there is no question'],
    [['--text', 'a', '--nonsense'], 2, 'bad-usage', "unknown option '--nonsense'"],
    [['--ids', '1,999'], 1, 'bad-data', 'Token 1 is 999'],
    [['--image', '/nowhere.png'], 1, 'missing-file', 'there is no such file'],
  ])('%j is an error for tools, too', async (argv, code, name, message) => {
    const answer = await cli('predict', at('language'), ...argv, '--json');
    const { error } = JSON.parse(answer.out);
    expect([answer.code, error.code, error.message]).toEqual([code, name, expect.stringContaining(message)]);
  });

  it('for a person: a table, and the next command', async () => {
    const { code, out, err } = await cli('predict', at('polynomial'), '--image', at('digit.png'));
    expect([code, err]).toEqual([0, `next: npx cipherformer compile ${at('polynomial')} --out program\n`]);
    for (const name of classes) expect(out).toContain(name);
  });
});

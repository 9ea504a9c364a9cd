// eval --encrypted of text models on an insecure ring. A language model: windows of a text, next tokens, logits spread over
// several ciphertexts. A classifier: texts of several lengths, padded. Windows and texts are cut and encoded here again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import { calibrate, evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import {
  bertConfig,
  datasets,
  gptConfig,
  InferenceModel,
  initialWeights,
  type LanguageSplit,
  type ModelConfig,
  makePolynomialModel,
  parseData,
  parseModelConfig,
  saveModel,
} from '@cipherformer/nn';
import { afterAll, expect, it } from 'vitest';
import { evaluateEncrypted } from '../../src/evaluate/encrypted.ts';
import { best } from '../../src/measure/statistics.ts';

const root = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'eval-language-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tokens = 4;
const insecure = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 9 }), { insecure: true });
const data = parseData(
  {
    data: {
      kind: 'corpus',
      files: ['moby-dick-opening.txt.gz'],
      split: [0.9, 0.05, 0.05],
      tokens,
      tokenizer: { kind: 'characters' },
    },
  },
  'test',
);

/** Polynomials for all functions, and `tokens` positions. */
function polynomialForm(base: ModelConfig): ModelConfig {
  const activation = { kind: 'polynomial' as const, low: -8, high: 8, coefficients: [0.5, 0.5, 0.2, 0.05] };
  return parseModelConfig({
    ...base,
    norm: { kind: 'frozen' },
    attention: { ...base.attention, kind: 'pointwise', activation },
    mlp: { ...base.mlp, activation },
    embedding: { ...base.embedding, maxTokens: tokens } as ModelConfig['embedding'],
  });
}

it('the next token of windows, in four ways', async () => {
  const books = await datasets.load(data, { root });
  const stream = (books.test as LanguageSplit).streams[0]!;
  const gpt = gptConfig({
    ...{ vocabulary: books.outputs, maxTokens: 8, width: 8, layers: 1, heads: 2, mlpWidth: 16, tied: true },
  });
  const weights = initialWeights(gpt, 1);
  saveModel(join(folder, 'original'), { config: gpt, weights, preprocess: {} });
  const config = polynomialForm(gpt);
  const made = makePolynomialModel({ config, weights: initialWeights(config, 2), card: { name: 'tiny' } });
  const window = (w: number) => ({ ids: [...stream.subarray(w * tokens, (w + 1) * tokens)] });
  const inputs = Array.from({ length: 40 }, (_, w) => prepareInput(made, window(w)));
  const model = { ...made, graph: calibrate(made.graph, inputs, 2) };
  savePolynomialModel(join(folder, 'model'), model);

  const { examples, outputSizes, classes, targets } = await evaluateEncrypted({
    ...{ model: join(folder, 'model'), original: join(folder, 'original'), data, root, split: 'test', count: 3 },
    ...{ parameters: insecure, selection: { order: 'file', seed: 1, offset: 5 } },
  }, { insecure: true }); // biome-ignore format: one call
  expect(outputSizes.length).toBeGreaterThan(1);
  expect(outputSizes.reduce((a, b) => a + b)).toBe(books.outputs);
  expect(examples.map(({ index }) => index)).toEqual([5, 6, 7]);
  for (const { index, label, original, polynomial, encrypted } of examples) {
    expect(label).toBe(stream[(index + 1) * tokens]);
    expect(classes![label]).toBe(JSON.stringify(books.tokenizer!.decode([label])));
    expect(original).toHaveLength(books.outputs);
    const clear = [...evaluate(model.graph, prepareInput(model, window(index)))];
    const size = Math.max(...clear.map(Math.abs));
    for (const [k, value] of clear.entries()) {
      expect(Math.abs(polynomial[k]! - value)).toBeLessThan(1e-6 * size);
      expect(Math.abs(encrypted.logits[k]! - value)).toBeLessThan(1e-2 * size);
    }
    expect(best(encrypted.logits)).toBe(best(clear));
  }
  expect(targets.find(({ name }) => name === 'bytes of the keys')!.met).toBe(true);
});

it('texts of several lengths', async () => {
  const texts = ['abc', 'c', 'cabbage', 'bad', 'da', 'ebb'];
  const labels = [0, 1, 1, 0, 1, 0];
  writeFileSync(
    join(folder, 'texts.tsv'),
    `text\tlabel\n${texts.map((text, i) => `${text}\t${labels[i]}\n`).join('')}`,
  );
  const config = {
    ...{
      kind: 'texts',
      train: 'texts.tsv',
      validation: 'texts.tsv',
      test: 'texts.tsv',
      classes: ['no', 'yes'],
      tokens,
    },
    tokenizer: { kind: 'characters' },
  };
  const characters = [...new Set(texts.join(''))].sort();
  const ids = (text: string) => [...text].slice(0, tokens).map((character) => characters.indexOf(character));
  const bert = bertConfig({
    ...{ vocabulary: characters.length, maxTokens: tokens, width: 8, layers: 1, heads: 2, mlpWidth: 16 },
    ...{ classes: 2, pool: 'mean' },
  });
  const weights = initialWeights(bert, 1);
  saveModel(join(folder, 'bert'), { config: bert, weights, preprocess: {} });
  const form = polynomialForm(bert);
  const made = makePolynomialModel({ config: form, weights: initialWeights(form, 2), card: { name: 'tiny' } });
  const inputs = texts.map((text) => prepareInput(made, { ids: ids(text) }));
  const model = { ...made, graph: calibrate(made.graph, inputs, 2) };
  savePolynomialModel(join(folder, 'bert-polynomial'), model);

  const { examples } = await evaluateEncrypted({
    ...{
      model: join(folder, 'bert-polynomial'),
      original: join(folder, 'bert'),
      root: folder,
      split: 'test',
      count: 4,
    },
    ...{ data: parseData({ data: config }, 'test'), parameters: insecure },
    selection: { order: 'spread', seed: 1, offset: 0 },
  }, { insecure: true }); // biome-ignore format: one call
  const original = await InferenceModel.create(bert, weights, { batch: 1, tokens });
  expect(examples.map(({ label }) => label)).toEqual([0, 1, 0, 1]);
  for (const example of examples) {
    expect(example.label).toBe(labels[example.index]);
    const known = ids(texts[example.index]!);
    const feeds = {
      ids: BigInt64Array.from({ length: tokens }, (_, t) => BigInt(known[t] ?? 0)),
      mask: Float32Array.from({ length: tokens }, (_, t) => (t < known.length ? 1 : 0)),
    };
    expect(example.original).toEqual([...(await original.run(feeds)).logits!]);
    const clear = [...evaluate(model.graph, inputs[example.index]!)];
    const size = Math.max(...clear.map(Math.abs));
    for (const [k, value] of clear.entries()) {
      expect(Math.abs(example.polynomial[k]! - value)).toBeLessThan(1e-6 * size);
      expect(Math.abs(example.encrypted.logits[k]! - value)).toBeLessThan(1e-2 * size);
    }
  }
  await original.close();
});

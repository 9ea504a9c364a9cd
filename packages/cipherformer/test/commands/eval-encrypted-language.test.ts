// eval --encrypted of a language model: windows of a text, next tokens, logits spread over several ciphertexts of an
// insecure ring. The reference windows are cut here from the text itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import {
  calibrate,
  evaluate,
  gptConfig,
  initialWeights,
  loadTask,
  makePolynomialModel,
  parseData,
  parseModelConfig,
  prepareInput,
  saveModel,
  savePolynomialModel,
} from '@cipherformer/nn';
import { afterAll, expect, it } from 'vitest';
import { best } from '../../src/demo/samples.ts';
import { evaluateEncrypted } from '../../src/evaluate/encrypted.ts';

const root = join(import.meta.dirname, '../../../nn/test/data');
const folder = mkdtempSync(join(tmpdir(), 'eval-language-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tokens = 4;
const insecure = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 9, insecure: true }));
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

it('the next token of windows, in four ways', async () => {
  const task = await loadTask(data, { root, batch: 1, seed: 0, labelSmoothing: 0 });
  const stream = (task.evaluation('test') as { streams: readonly Int32Array[] }).streams[0]!;
  const gpt = gptConfig({
    ...{ vocabulary: task.outputs, maxTokens: 8, width: 8, layers: 1, heads: 2, mlpWidth: 16, tied: true },
  });
  const weights = initialWeights(gpt, 1);
  saveModel(join(folder, 'original'), { config: gpt, weights, preprocess: {} });
  const activation = { kind: 'polynomial' as const, low: -8, high: 8, coefficients: [0.5, 0.5, 0.2, 0.05] };
  const config = parseModelConfig({
    ...gpt,
    norm: { kind: 'frozen' },
    attention: { ...gpt.attention, kind: 'pointwise', activation },
    mlp: { ...gpt.mlp, activation },
    embedding: { ...gpt.embedding, maxTokens: tokens },
  });
  const made = makePolynomialModel({ config, weights: initialWeights(config, 2), card: { name: 'tiny' } });
  const window = (w: number) => ({ ids: [...stream.subarray(w * tokens, (w + 1) * tokens)] });
  const inputs = Array.from({ length: 40 }, (_, w) => prepareInput(made, window(w)));
  const model = { ...made, graph: calibrate(made.graph, inputs, 2) };
  savePolynomialModel(join(folder, 'model'), model);

  const { examples, outputSizes, classes, targets } = await evaluateEncrypted({
    ...{ model: join(folder, 'model'), original: join(folder, 'original'), data, root, split: 'test', count: 3 },
    ...{ parameters: insecure, selection: { order: 'file', seed: 1, offset: 5 } },
  });
  expect(outputSizes.length).toBeGreaterThan(1);
  expect(outputSizes.reduce((a, b) => a + b)).toBe(task.outputs);
  expect(examples.map(({ index }) => index)).toEqual([5, 6, 7]);
  for (const { index, label, original, polynomial, encrypted } of examples) {
    expect(label).toBe(stream[(index + 1) * tokens]);
    expect(classes![label]).toBe(JSON.stringify(task.tokenizer!.decode([label])));
    expect(original).toHaveLength(task.outputs);
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

// Pairs of texts: what a client embeds, with the type of every token, against the embedding of the trained model.
import { describe, expect, it } from 'vitest';
import { embedTokens } from '../../../model/src/inputs/embedding.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { lowerEmbedding } from '../../src/lower/lower-embedding.ts';
import { parseModelConfig } from '../../src/transformer/config.ts';
import { bertConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

const [tokens, width] = [6, 8];
const base = bertConfig({ vocabulary: 12, maxTokens: tokens, width, layers: 1, heads: 2, mlpWidth: 16, classes: 2, pool: 'mean' }); // biome-ignore format: one model
const ids = [2, 5, 3, 7, 9, 3];
const types = [0, 0, 0, 1, 1, 1];

describe('tokens of a pair', () => {
  it.each(['layer', 'frozen'] as const)('are embedded with their types, under a %s normalisation', async (kind) => {
    const embedding = { ...base.embedding, segments: 2, norm: true };
    const norm = { ...base.norm, kind };
    const config = parseModelConfig({ ...base, embedding, normOverrides: { 'embedding.norm': norm } });
    const weights = initialWeights(config, 1);
    for (const [i, name] of ['embedding.segment.weight', 'embedding.norm.bias'].entries()) {
      const { shape, data } = weights.get(name)!;
      weights.set(name, { shape, data: data.map((_, k) => Math.sin(i + 3 * k)) });
    }
    const model = await InferenceModel.create(config, weights, { batch: 1, tokens, segments: true, outputs: ({ graph }) => ({ hidden: graph.hidden[0]! }) }); // biome-ignore format: one call
    const mask = new Float32Array(tokens).fill(1);
    const numbers = (values: readonly number[]) => BigInt64Array.from(values, BigInt);
    const { hidden } = await model.run({ ids: numbers(ids), mask, segments: numbers(types) });
    const tables = lowerEmbedding(config, weights, tokens)!;
    const embedded = embedTokens(tables, ids, types);
    // What every reader of the stream takes no notice of: its mean may have been taken out.
    const centred = (values: ArrayLike<number>) =>
      Array.from(values, (value, i) => {
        const row = Array.from(values).slice(i - (i % width), i - (i % width) + width);
        return value - row.reduce((sum, one) => sum + one / width, 0);
      });
    const wanted = centred(hidden!);
    for (const [i, value] of centred(embedded).entries()) expect(value).toBeCloseTo(wanted[i]!, 4);
    expect(() => embedTokens(tables, ids, [0, 2])).toThrow(/Token 1 is of type 2, the model has 2/);
    const { segment: _, ...single } = tables;
    expect(() => embedTokens(single, ids, types)).toThrow(/Token 3 is of type 1, the model has 1/);
    await model.close();
  });
});

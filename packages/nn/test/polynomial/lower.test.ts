import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../src/model/config.ts';
import { patchIndices } from '../../src/model/patches.ts';
import { evaluate, lower } from '../../src/polynomial/index.ts';
import {
  example,
  livelyWeights,
  onnxLogits,
  polynomialForm,
  relativeError,
  vit,
  vitClass,
  vitOverlap,
} from './support.ts';

const batch = { kind: 'batch' } as const;
const images: Record<string, ModelConfig> = {
  'ViT, mean pool, frozen': polynomialForm(vit),
  'ViT, mean pool, batch': polynomialForm(vit, { norm: batch }),
  'ViT, class token': polynomialForm(vitClass),
  'ViT, overlapping patches with padding': polynomialForm(vitOverlap),
  'ViT with affine, mapNorm and MLP norm': polynomialForm(vit, {
    norm: batch,
    attention: { ...vit.attention, affine: true, mapNorm: batch },
    mlp: { ...vit.mlp, norm: batch },
  }),
};

function patches(config: ModelConfig, pixels: Float32Array): Float32Array {
  const { embedding } = config;
  if (embedding.kind !== 'patch') throw new TypeError('images only');
  const values = patchIndices(embedding).map((i) => pixels[i] ?? 0);
  const empty = embedding.classToken ? new Array(embedding.channels * embedding.patch ** 2).fill(0) : [];
  return Float32Array.from([...empty, ...values]);
}

describe('lowering equals the trained model', () => {
  for (const [name, config] of Object.entries(images)) {
    it(name, async () => {
      const weights = livelyWeights(config, 3);
      const input = example(config, 4, 0);
      const expected = await onnxLogits(config, weights, input);
      const actual = evaluate(lower(config, weights), { patches: patches(config, input.images!) });
      expect(Math.max(...expected)).toBeGreaterThan(0.1);
      expect(relativeError(actual, expected)).toBeLessThan(1e-4);
    });
  }
});

import { fromBinary } from '@bufbuild/protobuf';
import { inverseSqrtIteration } from '@cipherformer/approx';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../model/src/graph/evaluate.ts';
import { prepareInput } from '../../../model/src/inputs/prepare-input.ts';
import { exportPolynomialOnnx, polynomialOperations } from '../../src/evaluate/polynomial-onnx.ts';
import { makePolynomialModel } from '../../src/lower/make-model.ts';
import type { ModelConfig } from '../../src/transformer/config.ts';
import {
  bertMean,
  byDistance,
  example,
  gpt,
  livelyWeights,
  polynomialForm,
  relativeError,
  vit,
} from '../lower/support.ts';

const batch = { kind: 'batch' } as const;
const inverseRoot = inverseSqrtIteration([0.02, 40], 15, 5).program;
const models: Record<string, { config: ModelConfig; sites?: string[] }> = {
  ViT: {
    config: polynomialForm(vit, {
      norm: batch,
      attention: { ...vit.attention, affine: true, mapNorm: batch },
      mlp: { ...vit.mlp, norm: batch },
    }),
  },
  'BERT with padding': { config: polynomialForm(bertMean) },
  'causal GPT with a gate and full norms': {
    config: polynomialForm(gpt, { norm: { kind: 'layer' }, mlp: { ...gpt.mlp, kind: 'gated' } }),
    sites: ['layers.0.norm1', 'layers.0.norm2', 'layers.1.norm1', 'layers.1.norm2', 'norm'],
  },
  'GPT with maps by distance': { config: polynomialForm(gpt, byDistance) },
};

/** What may be in the file of a model that is a polynomial: arithmetic and movement of data. */
const allowed = ['Add', 'Expand', 'MatMul', 'Mul', 'ReduceSum', 'Reshape', 'Sub', 'Transpose'];

describe('the ONNX form of a polynomial model', () => {
  for (const [name, { config, sites }] of Object.entries(models)) {
    it(`${name}: additions and multiplications only, and ONNX Runtime gives the evaluator's logits`, async () => {
      const programs = new Map((sites ?? []).map((site) => [`${site}.variance`, inverseRoot]));
      const weights = livelyWeights(config, 3);
      const model = makePolynomialModel({ config, weights, card: { name } }, { tokens: 6, programs });
      const input = example(config, 4, 6);
      const inputs = prepareInput(
        model,
        input.images ? { image: input.images } : { ids: [...input.ids!.slice(0, 5)].map(Number) },
      );
      const bytes = exportPolynomialOnnx(model.graph);
      const { graph } = fromBinary(ModelProtoSchema, bytes);
      const used = [...new Set(graph!.node.map(({ opType }) => opType))].sort();
      expect(allowed).toEqual(expect.arrayContaining(used));
      const counts = polynomialOperations(model.graph);
      expect(Object.keys(counts).sort()).toEqual(used);
      expect(Object.values(counts).reduce((a, b) => a + b, 0)).toBe(graph!.node.length);
      expect(graph!.node.every(({ domain }) => domain === '')).toBe(true);

      const session = await ort.InferenceSession.create(bytes);
      const feeds = Object.fromEntries(
        model.graph.nodes.flatMap((node) =>
          node.op === 'input'
            ? [
                [
                  node.name,
                  new ort.Tensor('float32', Float32Array.from(inputs[node.name]!), [model.graph.tokens, node.features]),
                ],
              ]
            : [],
        ),
      );
      const { logits } = await session.run(feeds);
      await session.release();
      expect(relativeError(logits!.data as Float32Array, evaluate(model.graph, inputs))).toBeLessThan(1e-4);
    });
  }
});

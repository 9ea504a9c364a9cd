import { bootstrapLiteral, longBootstrapChain, Parameters } from '@cipherformer/ckks';
import type { PolynomialModel } from '@cipherformer/model';
import { randomInputs, type TransformerShape, transformer } from '../../../compiler/test/passes/graphs.ts';

const shape: TransformerShape = {
  ...{ tokens: 4, features: 4, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 1, outputs: 3 },
  pooling: 'mean',
};

/** N = 2^10, far below any security: whoever uses it has to accept that, too. One layer runs on it without a bootstrap. */
export const insecureParameters = () =>
  Parameters.from(bootstrapLiteral({ ...longBootstrapChain, logN: 10 }), { insecure: true });

/** A classifier of 4 x 4 images with random weights; one layer runs without a bootstrap. */
export function tinyModel(seed: number, layers = 1): PolynomialModel {
  const inputs = [7, 8].map((s) => randomInputs(shape, s));
  const writer = transformer({ ...shape, layers }, seed);
  writer.nodes[0] = { ...writer.nodes[0]!, name: 'patches' };
  const { nodes, tokens, output } = writer.calibrated(inputs.map(({ input }) => ({ patches: input! })), 2); // biome-ignore format: short
  return {
    task: 'image-classification',
    graph: { tokens, nodes, output },
    preprocess: {
      kind: 'image',
      patches: {
        channels: 1,
        height: 4,
        width: 4,
        patch: 2,
        stride: 2,
        padding: 0,
        order: 'channel-first',
        classToken: false,
      },
      normalise: { mean: [0.5], deviation: [0.5] },
    },
    classes: ['cat', 'dog', 'bird'],
    card: { name: 'tiny' },
  };
}

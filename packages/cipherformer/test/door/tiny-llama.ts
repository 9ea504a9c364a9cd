import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import { calibrate, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { initialWeights, llamaConfig, makePolynomialModel, parseModelConfig } from '@cipherformer/nn';
import { trainByteBpe } from '../../../nn/src/text/bpe.ts';

/** What a program of it keeps. */
export const tinyTokens = 8;
/** N = 2^10, far below any security. */
export const generationParameters = () =>
  Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 10 }), { insecure: true });

/** A Llama of one layer with random weights and polynomials for its functions. */
export function tinyLlama(): PolynomialModel {
  const activation = { kind: 'polynomial' as const, low: -4, high: 4, coefficients: [0.5, 0.5, 0.2] };
  const base = llamaConfig({
    ...{ vocabulary: 260, maxTokens: tinyTokens, width: 8, layers: 1, heads: 2, keyValueHeads: 1, mlpWidth: 16 },
    ...{ epsilon: 1e-5, rotaryBase: 100, interleaved: false, tied: true },
  });
  const config = parseModelConfig({
    ...base,
    norm: { kind: 'frozen-rms' },
    attention: { ...base.attention, kind: 'pointwise', activation },
    mlp: { ...base.mlp, activation },
  });
  const weights = initialWeights(config, 3);
  weights.set('embedding.token.weight', { shape: [260, 8], data: weights.get('embedding.token.weight')!.data.map((value) => 4 * value) }); // biome-ignore format: one entry
  const tokenizer = trainByteBpe(['the whale the sea the whale and the sea of whales'], 260);
  const model = makePolynomialModel({ config, weights, tokenizer, card: { name: 'tiny' } }, { tokens: tinyTokens });
  const inputs = [[1, 2, 3], [200, 100, 50, 25, 7], [9, 99, 199, 33, 44, 55, 66, 77]].map((ids) => prepareInput(model, { ids })); // biome-ignore format: a list
  return { ...model, graph: calibrate(model.graph, inputs, 1.5) };
}

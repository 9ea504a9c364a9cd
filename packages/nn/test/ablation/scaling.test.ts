import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../model/src/graph/evaluate.ts';
import { prepareInput } from '../../../model/src/inputs/prepare-input.ts';
import { makePolynomialModel } from '../../src/lower/make-model.ts';
import { mapScale, parseModelConfig } from '../../src/transformer/config.ts';
import { example, livelyWeights, onnxLogits, polynomialForm, relativeError, vit } from '../lower/support.ts';

const scalings = ['none', '1/L', '1/sqrt(L)'] as const;
const form = (scaling: (typeof scalings)[number] | undefined) => {
  const config = polynomialForm(vit);
  return parseModelConfig({ ...config, attention: { ...config.attention, ...(scaling ? { scaling } : {}) } });
};
const weights = livelyWeights(form('none'), 3);
const input = example(vit, 4, 0);
// 6 x 6 pixels in windows of 3: four tokens.
const tokens = 4;

describe('scaling of attention maps', () => {
  it('is 1/sqrt(L) where nothing is said', async () => {
    expect(scalings.map((scaling) => mapScale({ scaling }, tokens))).toEqual([1, 0.25, 0.5]);
    expect(await onnxLogits(form(undefined), weights, input)).toEqual(
      await onnxLogits(form('1/sqrt(L)'), weights, input),
    );
  });

  it('is a factor on what attention adds', async () => {
    const folded = new Map(
      [...weights].map(([name, { shape, data }]) => [
        name,
        { shape, data: name.endsWith('.attention.out.weight') ? data.map((v) => v / tokens) : data },
      ]),
    );
    const scaled = await onnxLogits(form('1/L'), weights, input);
    expect(relativeError(await onnxLogits(form('none'), folded, input), scaled)).toBeLessThan(1e-5);
    expect(relativeError(await onnxLogits(form('none'), weights, input), scaled)).toBeGreaterThan(0.01);
  });

  it.each(scalings)('%s is lowered as it was trained', async (scaling) => {
    const model = makePolynomialModel({ config: form(scaling), weights, card: { name: 'test' } });
    const logits = evaluate(model.graph, prepareInput(model, { image: input.images! }));
    expect(relativeError(logits, await onnxLogits(form(scaling), weights, input))).toBeLessThan(1e-4);
  });
});

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import { applyChange } from '../../../src/convert/stages/change.ts';
import { planConversion } from '../../../src/convert/stages/plan.ts';
import { config, loadData, recipe, trainedWeights } from '../support.ts';

async function attentionChanged(change: Record<string, unknown>) {
  const tiny = recipe([{ name: 'attention', change: { kind: 'attention', ...change } }]);
  const weights = await trainedWeights();
  const original = { config, weights, preprocess: {} };
  const conversion = { recipe: tiny, original, ...(await loadData()), threads: 1, control: false };
  const [item] = planConversion(tiny, config, conversion);
  return (await applyChange(conversion, item!, original)).model;
}

describe('the change of attention', () => {
  it('passes every option of the recipe on', async () => {
    const options = {
      activation: 'exp',
      similarity: 'distance',
      affine: false,
      scaling: '1/L',
      mapNorm: { kind: 'batch' },
    };
    const { attention } = (await attentionChanged(options)).config;
    expect(attention).toMatchObject({ kind: 'pointwise', ...options });
  });

  it('divides the values where asked to, and nothing else', async () => {
    const [plain, balanced] = [await attentionChanged({}), await attentionChanged({ balance: true })];
    const differ = [...plain.weights].filter(([name, { data }]) => {
      const other = balanced.weights.get(name)!.data;
      return data.some((value, i) => value !== other[i]);
    });
    expect(balanced.config).toEqual(plain.config);
    expect(differ.map(([name]) => name).every((name) => name.includes('.attention.qkv.'))).toBe(true);
    expect(differ.length).toBeGreaterThan(0);
  });

  it('balances scores only', async () => {
    await expect(attentionChanged({ balance: true, similarity: 'distance' })).rejects.toThrow(ConfigError);
    await expect(attentionChanged({ balance: true, similarity: 'distance' })).rejects.toThrow(/similarity "dot"/);
  });
});

import { bertConfig, chooseRecipe, gptConfig, type ModelConfig, vitConfig } from '@cipherformer/nn';
import { describe, expect, it } from 'vitest';
import { predictedPlan } from '../../src/shapes/plan-figures.ts';

const sizes = { width: 64, layers: 2, heads: 2, mlpWidth: 128 };
const text = { vocabulary: 300, maxTokens: 32, ...sizes };
const bert = bertConfig({ ...text, classes: 3, pool: 'class' });
const configs: readonly (readonly [string, ModelConfig, number | undefined])[] = [
  ['ViT', vitConfig({ image: { channels: 3, height: 16, width: 16 }, patch: 4, ...sizes, classes: 3, pool: 'mean' }), undefined],
  ['BERT', bert, 32],
  ['BERT with a pooler', { ...bert, head: { ...bert.head, hidden: { width: 64, activation: 'tanh' } } }, 32],
  ['GPT', gptConfig({ ...text, tied: true }), 32],
]; // biome-ignore format: a line each

describe('the cost of an encrypted program before its model is converted', () => {
  it.each(configs)('of a %s: of its shape and the degrees that the chosen recipe allows', (_, config, tokens) => {
    const { recipe } = chooseRecipe(config, undefined, { name: 'small', examples: 1000 });
    const plan = predictedPlan(config, recipe, tokens);
    expect(plan.cpuSeconds).toBeGreaterThan(1);
    expect(plan.keyBytes).toBeGreaterThan(2 ** 28);
    expect(plan.peakBytes).toBeGreaterThan(plan.keyBytes);
    // Norms that still divide, and higher degrees, cost refreshes more.
    const stages = recipe.stages.flatMap((stage) => {
      if (stage.change?.kind === 'freeze-norms') return [];
      if (stage.change?.kind !== 'substitute') return [stage];
      return [{ ...stage, change: { ...stage.change, mlp: [15] } }];
    });
    expect(predictedPlan(config, { ...recipe, stages }, tokens).cpuSeconds).toBeGreaterThan(1.2 * plan.cpuSeconds);
  });
});

import { describe, expect, it } from 'vitest';
import { chooseRecipe } from '../../src/convert/choose-recipe.ts';
import { dataSchema } from '../../src/data/config.ts';
import { bertConfig, gptConfig, vitConfig } from '../../src/transformer/presets.ts';

const file = { images: 'images', labels: 'labels' };
const images = dataSchema.parse({
  kind: 'mnist',
  train: file,
  test: file,
  validation: 10,
  normalise: { mean: [0.1], deviation: [0.3] },
});
const texts = dataSchema.parse({
  kind: 'texts',
  train: 'a',
  validation: 10,
  test: 'b',
  classes: ['no', 'yes'],
  tokens: 32,
  tokenizer: { kind: 'wordpiece', vocabulary: 'v' },
});
const corpus = dataSchema.parse({
  kind: 'corpus',
  files: ['a'],
  split: [8, 1, 1],
  tokens: 32,
  tokenizer: { kind: 'train-bpe', size: 300 },
});

const vit = (width = 64) =>
  vitConfig({
    image: { channels: 1, height: 28, width: 28 },
    patch: 7,
    width,
    layers: 6,
    heads: 4,
    mlpWidth: 2 * width,
    classes: 10,
    pool: 'mean',
  });
const bert = bertConfig({
  vocabulary: 100,
  maxTokens: 32,
  width: 128,
  layers: 2,
  heads: 2,
  mlpWidth: 512,
  classes: 2,
  pool: 'class',
});
const gpt = gptConfig({ vocabulary: 300, maxTokens: 32, width: 128, layers: 4, heads: 4, mlpWidth: 512, tied: true });
// biome-ignore format: one model or data set a line
const models = [['images', vit(), images], ['texts', bert, texts], ['a corpus', gpt, corpus]] as const;

const steps = ({ recipe }: ReturnType<typeof chooseRecipe>, examples: number, norms: number) =>
  recipe.stages.reduce((sum, { change, train }) => {
    const parts = change?.kind === 'freeze-norms' ? norms : 1;
    return sum + (parts * train!.epochs * examples) / recipe.batch;
  }, 0);

describe('a recipe that nobody wrote', () => {
  it.each(models)('for %s changes attention, norms and activations, in this order, and trains on odd inputs throughout', (_, model, data) => {
    const { recipe, reasons } = chooseRecipe(model, data, { name: 'mine', examples: 9000 });
    expect(recipe.stages.flatMap(({ change }) => (change ? [change.kind] : []))).toEqual(['attention', 'freeze-norms', 'substitute']);
    expect(recipe.stages.every(({ train }) => train?.odd === 0.125)).toBe(true);
    expect(reasons.length).toBeGreaterThan(3);
    expect(JSON.parse(JSON.stringify(recipe))).toEqual(recipe);
  });

  it.each([['images', vit(), images, 13], ['texts', bert, texts, 5], ['a corpus', gpt, corpus, 9]] as const)('for %s takes as many steps as it says, whatever the number of examples', (_, model, data, norms) => {
    for (const examples of [100, 1000, 50_000]) {
      const chosen = chooseRecipe(model, data, { name: 'mine', examples });
      expect(steps(chosen, examples, norms) / chosen.steps).toBeGreaterThan(0.95);
      expect(steps(chosen, examples, norms) / chosen.steps).toBeLessThan(1.15);
      expect(chosen.recipe.batch).toBeLessThanOrEqual(examples / 8);
      expect(chosen.recipe.calibration).toBeLessThanOrEqual(examples);
    }
  });

  it('keeps to the time allowed, between what reaches all stages and what was ever tried', () => {
    const within = (hours: number) => chooseRecipe(vit(), images, { name: 'mine', examples: 9000, hours, secondsPerStep: 0.1 });
    expect(within(0.1).steps).toBe(3600);
    expect(within(0.001).steps).toBe(100);
    expect(within(0.001).reasons[0]).toContain('too few for all stages');
    expect(within(100).steps).toBe(21_000);
    expect(within(100).reasons[0]).toContain('never tried');
  });

  it('is a tenth as long for a first model, and slower for a wider one', () => {
    const usual = chooseRecipe(vit(), images, { name: 'mine', examples: 9000 });
    expect(chooseRecipe(vit(), images, { name: 'mine', examples: 9000, quick: true }).steps).toBe(usual.steps / 10);
    const rate = (width: number) =>
      chooseRecipe(vit(width), images, { name: 'mine', examples: 9000 }).recipe.stages[0]!.train!.learningRate;
    expect(rate(64)).toBe(1e-3);
    expect(rate(512)).toBe(5e-4);
  });
}); // biome-ignore format: titles

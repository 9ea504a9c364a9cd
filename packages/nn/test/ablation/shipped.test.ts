import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cellRecipe, parseAblation } from '../../src/ablation/recipe.ts';

const folder = join(import.meta.dirname, '../../../../recipes/ablate');
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

describe.each(readdirSync(folder))('the ablation %s', (file) => {
  const ablation = parseAblation(read(join(folder, file)), file);
  const base = read(resolve(folder, ablation.conversion));
  const recipes = ablation.variants.map((variant) => cellRecipe(ablation, base, variant, 1));

  // Those of one axis alone have its name.
  const scaling = file.startsWith('scaling-');

  it('varies every axis, with three seeds, each variant another recipe', () => {
    const every = scaling
      ? ['base', 'scaling of maps']
      : [
          'base',
          'scaling of maps',
          'normalisation',
          'range loss',
          'degrees',
          'margin of intervals',
          'fine-tuning',
          'distillation',
          // Tables by distance are for causal attention.
          ...(file === 'books-lm-4.json' ? ['tables by distance'] : []),
          ...(file === 'mnist-vit.json' ? ['attention', 'optimiser'] : []),
        ];
    expect(new Set(ablation.variants.map(({ axis }) => axis))).toEqual(new Set(every));
    expect(ablation.seeds).toEqual([1, 2, 3]);
    expect(new Set(recipes.map((recipe) => JSON.stringify(recipe))).size).toBe(recipes.length);
  });

  it('gives variants of the normalisation as much training as the base', () => {
    const layers = /^(books-lm-4|scaling-cifar100)\./.test(file) ? 4 : 6;
    const epochs = recipes.map(({ stages }) => {
      const { change, train } = stages.find(({ name }) => name === 'norms')!;
      const oneByOne = change?.kind === 'freeze-norms' && change.order === 'one-by-one';
      return train!.epochs * (oneByOne ? 2 * layers + 1 : 1);
    });
    for (const value of epochs) expect(value).toBeCloseTo(epochs[0]!, 6);
  });
});

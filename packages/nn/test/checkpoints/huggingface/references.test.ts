// Every family and its neighbours against transformers in float64 (references.py), with inputs given as numbers.
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import { families } from '../../../src/checkpoints/huggingface/families.ts';
import type { Split } from '../../../src/data/splits.ts';
import { evaluateModel } from '../../../src/evaluate/model.ts';
import { difference, load, outputOf, references } from './references.ts';

describe('models that do not choose', () => {
  it.each([
    ['bert regression', /answers with numbers/],
    ['bert multi-label', /several labels at once/],
    ['bert tokens', /a label for every token/],
    ['vit encoder', /an embedding/],
  ])('%s: no accuracy', async (name, message) => {
    const model = load(references.find((reference) => reference.name === name)!);
    const split = { kind: 'classification', classes: model.config.head.outputs, count: 1 } as unknown as Split;
    await expect(evaluateModel(model, split)).rejects.toThrow(ConfigError);
    await expect(evaluateModel(model, split)).rejects.toThrow(message);
  });
});

describe('references of transformers', () => {
  it('are of every family', () => {
    expect(new Set(references.map(({ config }) => config.model_type))).toEqual(new Set(Object.keys(families)));
  });

  it.each(references.map((reference) => [reference.name, reference] as const))('%s', async (_, reference) => {
    const model = load(reference);
    const output = await outputOf(model, reference);
    expect(output.length % reference.output.flat().length === 0).toBe(true);
    expect(difference(output, reference.output)).toBeLessThan(1e-5);
    // What fills up a text does not count.
    const { pool, task, embedding, attention } = model.config;
    if (reference.ids && task !== 'language-model' && pool !== 'none') {
      const filled = await outputOf(model, reference, [6, 6, 6]);
      expect(difference(filled, reference.output)).toBeLessThan(1e-5);
    }
    // Language models look back alone.
    if (reference.ids && task === 'language-model') expect(attention.causal).toBe(true);
    expect(embedding.kind).toBe(reference.ids ? 'token' : 'patch');
  });
});

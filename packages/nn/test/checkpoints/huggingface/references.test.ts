// Every family and its neighbours against transformers in float64 (references.py), with inputs given as numbers.
import { describe, expect, it } from 'vitest';
import { families } from '../../../src/checkpoints/huggingface/families.ts';
import { load, outputOf, type Reference, references } from './references.ts';

/** Largest difference as a share of the reference's spread; single precision gives about 1e-6. */
function difference(actual: readonly number[], { output }: Reference): number {
  const wanted = output.flat();
  const last = actual.slice(-wanted.length);
  const spread = wanted.length > 1 ? Math.max(...wanted) - Math.min(...wanted) : Math.abs(wanted[0]!);
  return Math.max(...wanted.map((value, i) => Math.abs(value - last[i]!) / spread));
}

describe('references of transformers', () => {
  it('are of every family', () => {
    expect(new Set(references.map(({ config }) => config.model_type))).toEqual(new Set(Object.keys(families)));
  });

  it.each(references.map((reference) => [reference.name, reference] as const))('%s', async (_, reference) => {
    const model = load(reference);
    const output = await outputOf(model, reference);
    expect(output.length % reference.output.flat().length === 0).toBe(true);
    expect(difference(output, reference)).toBeLessThan(1e-5);
    // What fills up a text does not count.
    const { pool, task, embedding, attention } = model.config;
    if (reference.ids && task !== 'language-model' && pool !== 'none') {
      const filled = await outputOf(model, reference, [6, 6, 6]);
      expect(difference(filled, reference)).toBeLessThan(1e-5);
    }
    // Language models look back alone.
    if (reference.ids && task === 'language-model') expect(attention.causal).toBe(true);
    expect(embedding.kind).toBe(reference.ids ? 'token' : 'patch');
  });
});

import { expect, it } from 'vitest';
import { ProgramError } from '../../src/errors.ts';
import type { ProductTerm } from '../../src/program/instructions.ts';
import { productTerms } from '../../src/program/packed-product.ts';

const slots = 64;
const packing = { turn: 16 };
const source = 'scores';

const pair = (rotation: number): [ProductTerm, ProductTerm] => [
  { left: [{ rotation, mask: 0 }], right: [{ rotation: rotation + 3 }] },
  { left: [{ rotation, mask: 1 }], right: [{ rotation: rotation + 19 }] },
];

it('makes one product of two terms, and leaves terms as they are without a packing', () => {
  const terms = [...pair(0), ...pair(45)];
  expect(productTerms({ terms, packing, source }, slots)).toEqual([
    { left: [{ rotation: 0, mask: 0, imaginaryMask: 1 }], right: [{ rotation: 3 }] },
    { left: [{ rotation: 45, mask: 0, imaginaryMask: 1 }], right: [{ rotation: 48 }] },
  ]);
  expect(productTerms({ terms, source }, slots)).toBe(terms);
});

it('compares rotations modulo the slots', () => {
  const [first, second] = pair(0);
  const around = { ...second, right: [{ rotation: 19 - slots }] };
  expect(productTerms({ terms: [first, around], packing, source }, slots)).toHaveLength(1);
});

it('refuses terms that are no pairs, by their numbers', () => {
  const [first, second] = pair(7);
  const wrong: Record<string, ProductTerm[]> = {
    'an odd one': [first],
    'another rotation on the left': [first, { ...second, left: [{ rotation: 8, mask: 1 }] }],
    'another turn on the right': [first, { ...second, right: [{ rotation: 27 }] }],
    'no mask': [first, { ...second, left: [{ rotation: 7 }] }],
    'a mask on the right': [first, { ...second, right: [{ rotation: 26, mask: 0 }] }],
    'two copies': [first, { ...second, left: [...second.left, ...second.left] }],
  };
  for (const [what, terms] of Object.entries(wrong)) {
    const act = () => productTerms({ terms: [...pair(1), ...terms], packing, source }, slots);
    expect(act, what).toThrow(ProgramError);
    expect(act, what).toThrow(/scores packs/);
  }
});

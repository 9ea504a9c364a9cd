import { expect, it } from 'vitest';
import { ProgramError } from '../../src/errors.ts';
import type { ProductTerm } from '../../src/program/instructions.ts';
import { productTerms } from '../../src/program/packed-product.ts';

const slots = 64;
const packing = { right: 16 };
const source = 'scores';

const pair = (rotation: number): [ProductTerm, ProductTerm] => [
  { left: [{ rotation, mask: 0 }], right: [{ rotation: rotation + 3 }] },
  { left: [{ rotation, mask: 1 }], right: [{ rotation: rotation + 19 }] },
];
const plain = (left: number, right: number): ProductTerm => ({
  left: [{ rotation: left }],
  right: [{ rotation: right }],
});

it('makes one product of two terms, and leaves terms as they are without a packing', () => {
  const terms = [...pair(0), ...pair(45)];
  expect(productTerms({ terms, packing, source }, slots)).toEqual({
    terms: [
      { left: [{ rotation: 0, mask: 0, imaginaryMask: 1 }], right: [{ rotation: 3 }] },
      { left: [{ rotation: 45, mask: 0, imaginaryMask: 1 }], right: [{ rotation: 48 }] },
    ],
  });
  expect(productTerms({ terms, source }, slots).terms).toBe(terms);
});

it('turns both sides where neither has masks, and computes an odd term by itself', () => {
  const terms = [plain(1, 5), plain(9, 7), plain(2, 6), plain(10, 8), plain(0, 4)];
  expect(productTerms({ terms, packing: { left: 8, right: 2 }, source }, slots)).toEqual({
    terms: [plain(1, 5), plain(2, 6)],
    alone: plain(0, 4),
  });
});

it('puts the masked copies of two terms together by their rotations, an odd term in the real part', () => {
  const masked = (left: number, ...right: { rotation: number; mask: number }[]) => ({
    left: [{ rotation: left }],
    right,
  });
  const terms = [
    masked(1, { rotation: 1, mask: 0 }, { rotation: 60, mask: 1 }),
    masked(9, { rotation: 61, mask: 2 }, { rotation: 60 - slots, mask: 3 }),
    masked(2, { rotation: 2, mask: 4 }),
  ];
  expect(productTerms({ terms, packing: { left: 8 }, source }, slots)).toEqual({
    terms: [
      {
        left: [{ rotation: 1 }],
        right: [
          { rotation: 1, mask: 0 },
          { rotation: 60, mask: 1, imaginaryMask: 3 },
          { rotation: 61, imaginaryMask: 2 },
        ],
      },
      terms[2],
    ],
  });
});

it('compares rotations modulo the slots', () => {
  const [first, second] = pair(0);
  const around = { ...second, right: [{ rotation: 19 - slots }] };
  expect(productTerms({ terms: [first, around], packing, source }, slots).terms).toHaveLength(1);
});

it('refuses terms that are no pairs, by their numbers', () => {
  const [first, second] = pair(7);
  const wrong: Record<string, ProductTerm[]> = {
    'another turn on the right': [first, { ...second, right: [{ rotation: 27 }] }],
    'no mask': [first, { ...second, left: [{ rotation: 7 }] }],
    'a mask on the right': [first, { ...second, right: [{ rotation: 26, mask: 0 }] }],
  };
  for (const [what, terms] of Object.entries(wrong)) {
    const act = () => productTerms({ terms: [...pair(1), ...terms], packing, source }, slots);
    expect(act, what).toThrow(ProgramError);
    expect(act, what).toThrow(/scores packs the terms 2 and 3/);
  }
  expect(() => productTerms({ terms: [first], packing, source }, slots)).toThrow(/give two or more/);
});

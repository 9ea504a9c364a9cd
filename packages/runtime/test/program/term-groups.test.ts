import { modulo } from '@cipherformer/base';
import { expect, it } from 'vitest';
import type { ProductTerm } from '../../src/program/instructions.ts';
import { termGroups } from '../../src/program/term-groups.ts';

const slots = 1024;
const source = 'test';

/** Every copy with its turn undone, in the order of the terms. */
function restored(terms: readonly ProductTerm[]): ProductTerm[] {
  const whole = (side: { turn: number; copies: readonly ProductTerm['left'][] }, i: number) =>
    side.copies[i]!.map((copy) => ({ ...copy, rotation: modulo(copy.rotation + side.turn, slots) }));
  return termGroups({ terms, source }, slots).flatMap(({ left, right }) =>
    left.copies.map((_, i) => ({ left: whole(left, i), right: whole(right, i) })),
  );
}

/** Attention's: the right side's second copy has wrapped. */
const progression: ProductTerm[] = Array.from({ length: 21 }, (_, s) => ({
  left: [{ rotation: modulo(32 * s, slots) }],
  right: [
    { rotation: modulo(31 * s, slots), mask: 2 * s },
    { rotation: modulo(31 * s + 16, slots), mask: 2 * s + 1 },
  ],
}));

it('keeps every copy, turned or not', () => {
  expect(restored(progression)).toEqual(progression);
});

it('needs the rotations of one group and a turn for each other one', () => {
  const groups = termGroups({ terms: progression, source }, slots);
  const used = (side: 'left' | 'right') =>
    new Set(
      groups.flatMap((group) => [group[side].turn, ...group[side].copies.flat().map(({ rotation }) => rotation)]),
    );
  expect(groups.length).toBeGreaterThan(1);
  const first = groups[0]!.left.copies.length;
  // Rotation 0 is among them, and needs no key.
  expect(used('left').size).toBe(first + groups.length - 1);
  expect(used('right').size).toBe(2 * first + groups.length - 1);
});

it('leaves irregular rotations as they are', () => {
  const irregular = progression.map((term, s) => ({ ...term, left: [{ rotation: (s * s * 7) % slots }] }));
  const groups = termGroups({ terms: irregular, source }, slots);
  expect(groups.map(({ left }) => left.turn)).toEqual(groups.map(() => 0));
  expect(groups.some(({ right }) => right.turn !== 0)).toBe(true);
  expect(restored(irregular)).toEqual(irregular);
});

import { modulo } from '@cipherformer/base';
import { expect, it } from 'vitest';
import type { ProductTerm } from '../../src/program/instructions.ts';
import { type TermGroup, termGroups } from '../../src/program/term-groups.ts';

const slots = 1024;
const source = 'test';

/** Every copy with all turns undone, in the order of the terms. */
function restored(terms: readonly ProductTerm[]): ProductTerm[] {
  const whole = ({ turn, ...sides }: TermGroup, name: 'left' | 'right', i: number) =>
    sides[name].copies[i]!.map((copy) => ({
      ...copy,
      rotation: modulo(copy.rotation + sides[name].turn + turn, slots),
    }));
  return termGroups({ terms, source }, slots).groups.flatMap((group) =>
    group.left.copies.map((_, i) => ({ left: whole(group, 'left', i), right: whole(group, 'right', i) })),
  );
}

/** The rotations that need keys. */
function rotationsOf(groups: readonly TermGroup[], side: 'left' | 'right'): Set<number> {
  const all = groups.flatMap((group) => [group[side].turn, ...group[side].copies.flat().map((copy) => copy.rotation)]);
  return new Set(all.filter((rotation) => rotation !== 0));
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

it('rotates a side without masks for the first group alone, and turns the sums of the others', () => {
  const { groups, shared } = termGroups({ terms: progression, source }, slots);
  expect(groups.length).toBe(3);
  expect(shared).toEqual({ side: 'left', turn: 8 * 32 });
  expect(groups.map(({ turn }) => turn)).toEqual([0, 256, 512]);
  const first = rotationsOf(groups.slice(0, 1), 'left');
  expect(rotationsOf(groups, 'left')).toEqual(first);
  // Two copies of eight terms, of which one is by 0, and a turn for each later group.
  expect(rotationsOf(groups, 'right').size).toBe(2 * 8 - 1 + groups.length - 1);
});

it('shares neither side where both have masks, nor for one group', () => {
  const masked = progression.map(({ left, right }, s) => ({ left: left.map((copy) => ({ ...copy, mask: s })), right }));
  expect(termGroups({ terms: masked, source }, slots).shared).toBeUndefined();
  expect(restored(masked)).toEqual(masked);
  expect(termGroups({ terms: progression.slice(0, 4), source }, slots)).toMatchObject({ groups: [{ turn: 0 }] });
  expect(termGroups({ terms: progression.slice(0, 4), source }, slots).shared).toBeUndefined();
});

it('turns a group though a copy of it is new', () => {
  // The first term has one copy: the other one of its rotation comes with the second group.
  const causal = progression.map((term, s) => (s === 0 ? { ...term, right: [term.right[0]!] } : term));
  const { groups } = termGroups({ terms: causal, source }, slots);
  expect(groups.slice(1).every(({ right }) => right.turn !== 0)).toBe(true);
  expect(restored(causal)).toEqual(causal);
});

it('leaves irregular rotations as they are, and shares the other side', () => {
  const plain = progression.map(({ left, right }) => ({ left, right: [{ rotation: right[0]!.rotation }] }));
  const irregular = plain.map((term, s) => ({ ...term, left: [{ rotation: (s * s * s * 7 + s * s) % slots }] }));
  const { groups, shared } = termGroups({ terms: irregular, source }, slots);
  expect(shared?.side).toBe('right');
  expect(groups.map(({ left }) => left.turn)).toEqual(groups.map(() => 0));
  expect(restored(irregular)).toEqual(irregular);
});

it('makes two groups of up to eight terms', () => {
  expect(termGroups({ terms: progression.slice(0, 8), source }, slots).groups.map(({ left }) => left.copies.length)).toEqual([4, 4]); // biome-ignore format: short
});

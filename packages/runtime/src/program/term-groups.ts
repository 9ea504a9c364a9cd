import { modulo } from '@cipherformer/base';
import type { ProductSumInstruction } from './instructions.ts';
import { type ComplexCopy, type ComplexTerm, isMasked, productTerms } from './packed-product.ts';

/** Terms whose factors are held at a time; half as many where that makes two groups, for as much time and fewer keys. */
const termsAtOnce = 8;
/** Copies of one side that a group makes at most: each of the first group's is a key. */
const copiesAtOnce = 16;

/** One side of the terms of a group. */
export interface GroupSide {
  /** The register is turned by this before its copies are made; 0: not at all. */
  readonly turn: number;
  /** The copies of each term, their rotations counted from the turned register. */
  readonly copies: readonly (readonly ComplexCopy[])[];
}

/** Products of a product sum that are worked together. */
export interface TermGroup {
  /** The sum of the group's products is turned by this; masks are turned back by it beforehand. */
  readonly turn: number;
  readonly left: GroupSide;
  readonly right: GroupSide;
}

/** The products of a product sum, a few at a time. */
export interface TermGroups {
  readonly groups: readonly TermGroup[];
  /**
   * The side whose copies are made once, for the first group: all others' are among them, as the sums of groups are turned, each
   * by `turn` more than the one before.
   */
  readonly shared?: { readonly side: Side; readonly turn: number };
}

type Side = 'left' | 'right';

/**
 * Attention's rotations are arithmetic progressions, so a later group is the first one turned: L(r + t) R(s + u) is
 * L(r) R(s + u - t), turned by t. One side is rotated for the first group alone, at a relinearisation and a rotation for the
 * sum of each later group; the other side is turned as a whole, so that it needs no keys but the first group's.
 * A term that is computed alone is in no group.
 */
export function termGroups(
  instruction: Pick<ProductSumInstruction, 'terms' | 'packing'> & { readonly source: string },
  slots: number,
): TermGroups {
  const { terms } = productTerms(instruction, slots);
  const most = Math.max(...terms.flatMap(({ left, right }) => [left.length, right.length]));
  const few = terms.length > termsAtOnce ? termsAtOnce : termsAtOnce / 2;
  const size = Math.max(1, Math.min(few, Math.floor(copiesAtOnce / most)));
  const count = Math.ceil(terms.length / size);
  const lists = Array.from({ length: count }, (_, i) => terms.slice(i * size, (i + 1) * size));
  const shared = (['left', 'right'] as const).flatMap((side) => {
    const turn = turnOfAll(lists, side, slots);
    return turn === undefined ? [] : { side, turn };
  })[0];
  const turnOf = (g: number) => (shared ? modulo(g * shared.turn, slots) : 0);
  const turnedBack = lists.map((list, g) =>
    list.map(({ left, right }) => ({ left: turned(left, -turnOf(g), slots), right: turned(right, -turnOf(g), slots) })),
  );
  const groups = turnedBack.map((list, g) => ({
    turn: turnOf(g),
    left: sideOf(list, turnedBack[0]!, 'left', slots),
    right: sideOf(list, turnedBack[0]!, 'right', slots),
  }));
  return { groups, ...(shared && { shared }) };
}

/** By how much each group's copies of a side without masks are turned from the group's before; undefined where they are not. */
function turnOfAll(lists: readonly (readonly ComplexTerm[])[], side: Side, slots: number): number | undefined {
  const [first, second] = lists.map((list) => list.map((term) => term[side]));
  if (!first || !second || first.flat().some(isMasked)) return undefined;
  const turn = modulo(second[0]![0]!.rotation - first[0]![0]!.rotation, slots);
  const known = rotationsOf(first, slots);
  const fits = lists.every((list, g) =>
    list.every((term) => turned(term[side], -g * turn, slots).every(({ rotation }) => known.has(rotation))),
  );
  return fits ? turn : undefined;
}

function sideOf(group: readonly ComplexTerm[], first: readonly ComplexTerm[], side: Side, slots: number): GroupSide {
  const copies = group.map((term) => term[side]);
  const reference = first.map((term) => term[side]);
  const turn = modulo(copies[0]![0]!.rotation - reference[0]![0]!.rotation, slots);
  const all = copies.map((list) => turned(list, -turn, slots));
  const known = rotationsOf(reference, slots);
  const unknown = (lists: GroupSide['copies']) => [...rotationsOf(lists, slots)].filter((by) => !known.has(by)).length;
  // The turn is a key of its own.
  return unknown(all) + 1 < unknown(copies) ? { turn, copies: all } : { turn: 0, copies };
}

function turned(copies: readonly ComplexCopy[], by: number, slots: number): readonly ComplexCopy[] {
  return copies.map((copy) => ({ ...copy, rotation: modulo(copy.rotation + by, slots) }));
}

function rotationsOf(copies: readonly (readonly ComplexCopy[])[], slots: number): ReadonlySet<number> {
  return new Set(copies.flat().map(({ rotation }) => modulo(rotation, slots)));
}

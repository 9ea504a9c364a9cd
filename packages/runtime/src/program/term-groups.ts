import { modulo } from '@cipherformer/base';
import type { InstructionOf } from './instructions.ts';
import { type ComplexCopy, type ComplexTerm, productTerms } from './packed-product.ts';

/** Terms whose factors are held at a time. */
const termsAtOnce = 8;

/** One side of the terms of a group. */
export interface GroupSide {
  /** The register is turned by this before its copies are made; 0: not at all. */
  readonly turn: number;
  /** The copies of each term, their rotations counted from the turned register. */
  readonly copies: readonly (readonly ComplexCopy[])[];
}

/** Products of a product sum that are worked together. */
export interface TermGroup {
  readonly left: GroupSide;
  readonly right: GroupSide;
}

/**
 * The products of a product sum, a few at a time. Attention's rotations are arithmetic progressions, so a later group
 * is the first one turned: one whole rotation a group and side instead of keys for every rotation of every group.
 */
export function termGroups(
  instruction: Pick<InstructionOf<'productSum'>, 'terms' | 'packing' | 'source'>,
  slots: number,
): TermGroup[] {
  const terms = productTerms(instruction, slots);
  const count = Math.ceil(terms.length / termsAtOnce);
  const groups = Array.from({ length: count }, (_, i) => terms.slice(i * termsAtOnce, (i + 1) * termsAtOnce));
  return groups.map((group) => ({
    left: sideOf(group, groups[0]!, 'left', slots),
    right: sideOf(group, groups[0]!, 'right', slots),
  }));
}

function sideOf(group: readonly ComplexTerm[], first: readonly ComplexTerm[], side: 'left' | 'right', slots: number) {
  const copies = group.map((term) => term[side]);
  const reference = first.map((term) => term[side]);
  const turn = modulo(copies[0]![0]!.rotation - reference[0]![0]!.rotation, slots);
  const turned = copies.map((list) => list.map((copy) => ({ ...copy, rotation: modulo(copy.rotation - turn, slots) })));
  const known = new Set(reference.flat().map(({ rotation }) => modulo(rotation, slots)));
  const same = turned.flat().every(({ rotation }) => known.has(rotation));
  return same ? { turn, copies: turned } : { turn: 0, copies };
}

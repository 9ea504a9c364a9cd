import { modulo } from '@cipherformer/base';
import { ProgramError } from '../errors.ts';
import type { ProductSumInstruction, RotatedCopy } from './instructions.ts';

/** A copy in complex slots. */
export interface ComplexCopy extends RotatedCopy {
  /** The copy is multiplied by mask + i imaginaryMask. */
  readonly imaginaryMask?: number;
}

/** One product of a sum of products, as it is computed. */
export interface ComplexTerm {
  readonly left: readonly ComplexCopy[];
  readonly right: readonly ComplexCopy[];
}

/** The products that are computed: a term each, or a pair of terms each. @throws ProgramError for terms that are no such pairs */
export function productTerms(
  { terms, packing, source }: Pick<ProductSumInstruction, 'terms' | 'packing'> & { readonly source: string },
  slots: number,
): readonly ComplexTerm[] {
  if (!packing) return terms;
  if (terms.length % 2 !== 0) throw new ProgramError(`${source} packs ${terms.length} terms in pairs`);
  return Array.from({ length: terms.length / 2 }, (_, k): ComplexTerm => {
    const [first, second] = [terms[2 * k]!, terms[2 * k + 1]!];
    const sides = [first.left, second.left, first.right, second.right];
    const [a, b, x, y] = sides.map(([copy]) => copy!) as [RotatedCopy, RotatedCopy, RotatedCopy, RotatedCopy];
    const same = (p: number, q: number) => modulo(p - q, slots) === 0;
    const fits =
      sides.every(({ length }) => length === 1) &&
      same(a.rotation, b.rotation) &&
      same(x.rotation + packing.turn, y.rotation) &&
      x.mask === undefined &&
      y.mask === undefined;
    if (!fits || a.mask === undefined || b.mask === undefined)
      throw new ProgramError(
        `${source} packs the terms ${2 * k} and ${2 * k + 1}: they need one copy a side, a mask each and one rotation on the ` +
          `left, and rotations ${packing.turn} apart on the right`,
      );
    return { left: [{ ...a, imaginaryMask: b.mask }], right: [x] };
  });
}

import { modulo } from '@cipherformer/base';
import { ProgramError } from '../errors.ts';
import type { ProductSumInstruction, ProductTerm, RotatedCopy } from './instructions.ts';

/** A copy in complex slots: multiplied by mask + i imaginaryMask on the left, by mask - i imaginaryMask on the right. */
export interface ComplexCopy extends RotatedCopy {
  readonly imaginaryMask?: number;
}

/** One product of a sum of products, as it is computed. */
export interface ComplexTerm {
  readonly left: readonly ComplexCopy[];
  readonly right: readonly ComplexCopy[];
}

/** What is computed for a product sum. */
export interface ComputedProducts {
  /** A term each, or a pair of terms each. */
  readonly terms: readonly ComplexTerm[];
  /** A term without a partner where neither side has masks: computed on the registers as they are, not packed. */
  readonly alone?: ProductTerm;
}

type PackedSum = Pick<ProductSumInstruction, 'terms' | 'packing'> & { readonly source: string };

/** Whether a copy is multiplied by a mask. */
export function isMasked({ mask, imaginaryMask }: ComplexCopy): boolean {
  return mask !== undefined || imaginaryMask !== undefined;
}

/** The masks that a copy reads. */
export function masksOf({ mask, imaginaryMask }: ComplexCopy): number[] {
  return [mask, imaginaryMask].filter((number) => number !== undefined);
}

/** The products that are computed. @throws ProgramError for terms that cannot be packed so */
export function productTerms({ terms, packing, source }: PackedSum, slots: number): ComputedProducts {
  if (!packing) return { terms };
  const packed: ComplexTerm[] = [];
  for (let k = 0; k + 1 < terms.length; k += 2) {
    const [first, second] = [terms[k]!, terms[k + 1]!];
    const [left, right] = (['left', 'right'] as const).map((side) =>
      pairOf(first[side], second[side], packing[side], slots),
    );
    if (!left || !right)
      throw new ProgramError(
        `${source} packs the terms ${k} and ${k + 1}: a side with a turn needs one copy of each without a mask, ` +
          'so much apart, and a side without a turn masks',
      );
    packed.push({ left, right });
  }
  if (packed.length === 0) throw new ProgramError(`${source} packs ${terms.length} terms in pairs: give two or more`);
  if (terms.length % 2 === 0) return { terms: packed };
  const last = terms.at(-1)!;
  if (packing.left !== undefined && packing.right !== undefined) return { terms: packed, alone: last };
  // The real part of a packed side times a real one is that of the side alone.
  return { terms: [...packed, last] };
}

/** The copies of a pair, the first's in the real part and the second's in the imaginary one; undefined where they do not fit. */
function pairOf(
  first: readonly RotatedCopy[],
  second: readonly RotatedCopy[],
  turn: number | undefined,
  slots: number,
): ComplexCopy[] | undefined {
  const same = (a: number, b: number) => modulo(a - b, slots) === 0;
  const masked = [...first, ...second].filter(isMasked).length;
  if (turn !== undefined) {
    const [a, b] = [first[0]!, second[0]!];
    return masked === 0 && same(a.rotation + turn, b.rotation) ? [a] : undefined;
  }
  if (masked < first.length + second.length) return undefined;
  const copies: ComplexCopy[] = [...first];
  for (const { rotation, mask } of second) {
    const at = copies.findIndex((copy) => copy.imaginaryMask === undefined && same(copy.rotation, rotation));
    if (at < 0) copies.push({ rotation, imaginaryMask: mask! });
    else copies[at] = { ...copies[at]!, imaginaryMask: mask! };
  }
  return copies;
}

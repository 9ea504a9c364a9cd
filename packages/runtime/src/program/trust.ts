import type { ProgramOutput } from './instructions.ts';
import { unpackOutput } from './values.ts';

/** Copies of a number may differ by this share of its limit. Noise is far below; a value that wrapped around is beyond. */
const agreement = 1 / 16;

/**
 * Why an answer cannot be trusted, or undefined where this output speaks for it: numbers within the limit, and copies that
 * agree. The reason tells which check failed and its limit, never a decrypted number: it is shown and logged.
 * @param slots all slots of the output's register, decrypted
 */
export function distrust(
  output: Pick<ProgramOutput, 'name' | 'slots' | 'factor' | 'limit'> & { readonly period?: number | undefined },
  slots: ArrayLike<number>,
): string | undefined {
  const { name, factor, limit, period } = output;
  const numbers = unpackOutput(output, slots);
  // Written so that a NaN counts.
  if (numbers.some((value) => !(Math.abs(value) <= limit))) {
    const what =
      name === 'sentinel' ? 'the sum over the arguments of its polynomials and its refreshed values' : 'a logit';
    return `${what} is beyond ${Number(limit.toPrecision(3))}, the most in range`;
  }
  if (period === undefined) return undefined;
  for (const [k, slot] of output.slots.entries())
    for (let copy = slot + period; copy < slots.length; copy += period) {
      const other = slots[copy]! * factor;
      if (!(Math.abs(other - numbers[k]!) <= agreement * limit)) return 'copies of a number differ';
    }
  return undefined;
}

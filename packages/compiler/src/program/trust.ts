import type { ProgramOutput } from './instructions.ts';
import { unpackOutput } from './values.ts';

/** Copies of a number may differ by this share of its limit. Noise is far below; a value that wrapped around is beyond. */
const agreement = 1 / 16;

/**
 * Why an answer cannot be trusted, or undefined where this output speaks for it: numbers within the limit, and copies that
 * agree.
 * @param slots all slots of the output's register, decrypted
 */
export function distrust(
  output: Pick<ProgramOutput, 'name' | 'slots' | 'factor' | 'limit'> & { readonly period?: number | undefined },
  slots: ArrayLike<number>,
): string | undefined {
  const { name, factor, limit, period } = output;
  const numbers = unpackOutput(output, slots);
  // Written so that a NaN counts.
  const beyond = numbers.find((value) => !(Math.abs(value) <= limit));
  if (beyond !== undefined) {
    const what =
      name === 'sentinel' ? 'the sum over the arguments of its polynomials and its refreshed values' : 'a logit';
    const [found, most] = apart(beyond, limit);
    return `${what} is ${found}, and ${most} at most in range`;
  }
  if (period === undefined) return undefined;
  for (const [k, slot] of output.slots.entries())
    for (let copy = slot + period; copy < slots.length; copy += period) {
      const other = slots[copy]! * factor;
      if (!(Math.abs(other - numbers[k]!) <= agreement * limit))
        return `copies of a number differ: ${apart(numbers[k]!, other).join(' and ')}`;
    }
  return undefined;
}

/** Two numbers with the fewest digits, three at least, that show their sizes to differ. */
function apart(a: number, b: number): [string, string] {
  for (let digits = 3; ; digits++) {
    const [x, y] = [Number(a.toPrecision(digits)), Number(b.toPrecision(digits))];
    if (Math.abs(x) !== Math.abs(y) || digits === 17) return [`${x}`, `${y}`];
  }
}

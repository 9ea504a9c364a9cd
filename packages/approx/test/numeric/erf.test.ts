import { describe, expect, it } from 'vitest';
import { erf, erfRelativeError } from '../../src/numeric/erf.ts';

const digits = 60n;
const one = 10n ** digits;

/** erf to about 50 digits: its Maclaurin series in fixed-point integers, 60 digits plus what cancellation eats. */
function exactErf(numerator: bigint, denominator: bigint): number {
  const guard = 10n ** 60n;
  const scale = one * guard;
  const x = (numerator * scale) / denominator;
  const square = (x * x) / scale;
  let power = x;
  let sum = 0n;
  for (let n = 0n; power !== 0n && n < 2000n; n++) {
    const term = power / (2n * n + 1n);
    sum += n % 2n === 0n ? term : -term;
    power = (power * square) / scale / (n + 1n);
  }
  // 2 / sqrt(pi) to 60 digits.
  const factor = 1128379167095512573896158903121545171688101258657997713688171n;
  const value = (sum * factor) / 10n ** 60n;
  return Number((value * 10n ** 40n) / scale) / 1e40;
}

describe('erf', () => {
  it('stays within the relative error that the certificates assume', () => {
    for (let k = -192; k <= 192; k++) {
      if (k === 0) continue;
      const exact = exactErf(BigInt(k), 32n);
      expect(Math.abs(erf(k / 32) / exact - 1)).toBeLessThan(erfRelativeError);
    }
  });

  it('is odd, saturates and passes NaN on', () => {
    expect(erf(-0.7)).toBe(-erf(0.7));
    expect([erf(7), erf(-7), erf(Number.POSITIVE_INFINITY)]).toEqual([1, -1, 1]);
    expect(erf(Number.NaN)).toBeNaN();
    expect(erf(0)).toBe(0);
  });
});

// The matrices of CoeffsToSlots and SlotsToCoeffs, in clear slots, against the encoder.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ComplexVector,
  coeffsToSlotsMatrices,
  type DiagonalMatrix,
  slotsToCoeffsMatrices,
  transformDiagonals,
} from '../../../src/circuits/index.ts';
import { Context, Encoder, Parameters, type Slots } from '../../../src/scheme/index.ts';
import { randomSlots, smallLiteral, worst } from '../../scheme/support.ts';

const product = (matrices: readonly DiagonalMatrix[], v: ComplexVector) => matrices.reduce((at, m) => m.apply(at), v);

/** Bit reversal of the slots' order. */
function reversed({ real, imag }: ComplexVector): ComplexVector {
  const bits = Math.log2(real.length);
  const reverse = (i: number) => {
    let r = 0;
    for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b);
    return r;
  };
  const order = (v: Float64Array) => v.map((_, i) => v[reverse(i)]!);
  return { real: order(real), imag: order(imag) };
}

describe('the transforms of bootstrapping', () => {
  let context: Context;
  beforeAll(async () => {
    context = await Context.create(Parameters.from({ ...smallLiteral, logN: 7 }, { insecure: true }), {
      threads: 1,
      insecure: true,
    });
  });
  afterAll(() => context[Symbol.dispose]());

  /** Real coefficients j and j + slots of the subring as the complex vector c_j + i c_(j + slots). */
  function coefficients(values: Slots, slots: number): ComplexVector {
    const { ring, kernels } = context;
    const p = ring.primes[0]!;
    using plaintext = new Encoder(context).encode(values.real, values.imag, { slots, level: 0 });
    ring.inverse(plaintext.part(0), plaintext.part(0), [0]);
    const words = new BigUint64Array(kernels.view(plaintext.part(0), 8 * ring.n).slice().buffer);
    const gap = ring.n / (2 * slots);
    const at = (k: number) => {
      const word = Number(words[k * gap]!);
      return (word > p / 2 ? word - p : word) / plaintext.scale;
    };
    return {
      real: Float64Array.from({ length: slots }, (_, j) => at(j)),
      imag: Float64Array.from({ length: slots }, (_, j) => at(j + slots)),
    };
  }

  it.each([
    [64, 1],
    [64, 3],
    [64, 4],
    [64, 6],
    [16, 2],
  ])('take %i slots to coefficients in %i matrices and back, as the encoder does', (slots, depth) => {
    const values = randomSlots(slots, 5);
    const c = coefficients(values, slots);
    // A polynomial whose coefficients are the slots: SlotsToCoeffs decodes, in bit-reversed order.
    expect(worst(product(slotsToCoeffsMatrices(slots, depth), reversed(c)), values)).toBeLessThan(2 ** -30);
    expect(worst(product(coeffsToSlotsMatrices(slots, depth), values), reversed(c))).toBeLessThan(2 ** -30);
    // The encoder rounds at 2^-40; the matrices themselves are inverse to 2^-45.
    const both = product([...slotsToCoeffsMatrices(slots, depth), ...coeffsToSlotsMatrices(slots, depth)], values);
    expect(worst(both, values)).toBeLessThan(2 ** -45);
  });

  it('have the diagonals that planning says, and each matrix takes its share of the factor', () => {
    for (const [slots, depth] of [
      [64, 3],
      [64, 4],
      [2 ** 10, 4],
    ] as const) {
      const sorted = (m: DiagonalMatrix) => [...m.diagonals.keys()].sort((a, b) => a - b);
      expect(slotsToCoeffsMatrices(slots, depth).map(sorted)).toEqual(
        transformDiagonals(slots, depth, 'slotsToCoeffs'),
      );
      expect(coeffsToSlotsMatrices(slots, depth).map(sorted)).toEqual(
        transformDiagonals(slots, depth, 'coeffsToSlots'),
      );
      const v = randomSlots(slots, 6);
      const plain = product(coeffsToSlotsMatrices(slots, depth), v);
      const scaled = product(coeffsToSlotsMatrices(slots, depth, 0.5), v);
      const shrink = 2 ** -depth;
      expect(
        worst(scaled, { real: plain.real.map((x) => x * shrink), imag: plain.imag.map((x) => x * shrink) }),
      ).toBeLessThan(1e-12);
    }
  });
});

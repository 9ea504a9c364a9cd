import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import { centred, inverse, moduliOf, type ReferenceRing } from '../reference/index.ts';
import { boundaryRing, builds, expectWords, onEveryBuild, randomWords } from './support.ts';

interface Slots {
  readonly re: number[];
  readonly im: number[];
}

/** Slots in [-1, 1). */
function randomSlots(count: number, seed: number): Slots {
  const next = randomWords(seed);
  const part = () => Array.from({ length: count }, () => Number(next() >> 11n) / 2 ** 52 - 1);
  return { re: part(), im: part() };
}

/**
 * The coefficients (times the scale, unrounded) of the polynomial in X^(N / 2n) whose value at exp(2 pi i 5^k / 4n) is
 * slot k of n, by the definition of the inverse transform.
 */
function coefficientsByDefinition(ring: ReferenceRing, { re, im }: Slots, scale: number): number[] {
  const n = re.length;
  const order = 4 * n;
  const gap = ring.n / (2 * n);
  const coefficients = new Array<number>(ring.n).fill(0);
  for (let j = 0; j < 2 * n; j += 1) {
    let sum = 0;
    for (let k = 0, power = 1; k < n; k += 1, power = (power * 5) % order) {
      const angle = (2 * Math.PI * ((power * j) % order)) / order;
      sum += re[k]! * Math.cos(angle) + im[k]! * Math.sin(angle);
    }
    coefficients[j * gap] = (scale * sum) / n;
  }
  return coefficients;
}

const cases = fc.record({
  logN: fc.constantFrom(4, 5, 6, 8),
  fewer: fc.nat(5),
  seed: fc.nat(2 ** 31 - 1),
  scaleBits: fc.integer({ min: 10, max: 45 }),
});

describe(`encoding on ${builds.join(', ')}`, () => {
  it('gives the same bits everywhere: the coefficients of the definition, rounded', () => {
    fc.assert(
      fc.property(cases, ({ logN, fewer, seed, scaleBits }) => {
        const ring = boundaryRing(logN);
        const count = Math.max(1, 2 ** (logN - 1 - fewer));
        const slots = randomSlots(count, seed);
        const scale = 2 ** scaleBits;
        const basis = [0, 1];
        const wanted = coefficientsByDefinition(ring, slots, scale);
        let first: BigUint64Array | undefined;
        let decoded: BigUint64Array | undefined;
        onEveryBuild(ring, (w) => {
          const values = w.room(1);
          const at = [values.address(), values.address(count)] as const;
          values.realsView().set([...slots.re, ...slots.im]);
          const dst = w.room(2);
          w.kernels.call(Op.encode, w.handle, dst.address(), ...at, count, scale, basis);
          const words = dst.wordsView().slice();
          first ??= words;
          expectWords(words, first, `${w.kernels.build} encode`);

          w.kernels.call(Op.decode, w.handle, dst.address(), ...at, count, scale, basis);
          const back = values.wordsView(0, 2 * count).slice();
          decoded ??= back;
          expectWords(back, decoded, `${w.kernels.build} decode`);
          // Rounding moves each of 2n coefficients by at most 1/2, so a slot by at most n; then the transforms' errors.
          const reals = values.realsView(0, 2 * count);
          [...slots.re, ...slots.im].forEach((x, k) => {
            expect(Math.abs(reals[k]! - x)).toBeLessThan((count + 1) / scale + 1e-12);
          });
        });
        moduliOf(ring, basis).forEach((p, j) => {
          const coefficients = inverse([...first!.subarray(j * ring.n, (j + 1) * ring.n)], p, logN);
          coefficients.forEach((x, i) => {
            // Half a unit for the rounding and what a sum of doubles may err at this scale.
            expect(Math.abs(Number(centred(x, p)) - wanted[i]!)).toBeLessThanOrEqual(0.5 + scale * count * 2 ** -50);
          });
        });
      }),
      { numRuns: 30 },
    );
  });

  it('takes scales beyond 2^62, whose coefficients no word holds', () => {
    const ring = boundaryRing(5);
    const basis = [0, 1];
    onEveryBuild(ring, (w) => {
      const values = w.room(1);
      values.realsView().fill(0);
      values.realsView().fill(0.75, 0, 16);
      const dst = w.room(2);
      w.kernels.call(Op.encode, w.handle, dst.address(), values.address(), values.address(16), 16, 2 ** 90, basis);
      // The constant 3/4: every value is 3 * 2^88.
      w.expectEqual(
        dst,
        moduliOf(ring, basis).map((p) => new Array<bigint>(ring.n).fill((3n << 88n) % p)),
      );
    });
  });

  it('encodeMany gives what encode and encodePeriodic give of each vector at its scale', () => {
    fc.assert(
      fc.property(fc.constantFrom(3, 5, 6), fc.boolean(), fc.integer({ min: 1, max: 5 }), fc.nat(1000), (logSlots, compact, count, seed) => {
        const ring = boundaryRing(7);
        const basis = [0, 1, 2];
        const slots = 2 ** logSlots;
        onEveryBuild(ring, (w) => {
          const filled = (vector: number) => {
            const values = w.room(1);
            values.realsView().forEach((_, i, all) => {
              all[i] = Math.sin(seed + vector + i * i);
            });
            return [values.address(), values.address(slots)] as const;
          };
          const scaleOf = (vector: number) => 2 ** (20 + 13 * vector);
          const all = Array.from({ length: count }, () => w.room(3));
          const vectors = all.flatMap((dst, v) => [dst.address(), ...filled(v), scaleOf(v)]);
          w.kernels.call(Op.encodeMany, w.handle, compact ? 1 : 0, slots, basis, count, ...vectors);
          for (const [v, many] of all.entries()) {
            const one = w.room(3);
            const op = compact ? Op.encodePeriodic : Op.encode;
            w.kernels.call(op, w.handle, one.address(), ...filled(v), slots, scaleOf(v), basis);
            const words = compact ? 6 * slots : 3 * ring.n;
            expectWords(many.wordsView(0, words), one.wordsView(0, words), `${w.kernels.build} vector ${v}`);
          }
        });
      }),
      { numRuns: 20 },
    ); // biome-ignore format: four arbitraries
  });

  it('encodePeriodic gives the first word of every run that encode gives', () => {
    fc.assert(
      fc.property(fc.constantFrom(3, 4, 5, 6), fc.nat(1000), (logSlots, seed) => {
        const ring = boundaryRing(7);
        const basis = [0, 1, 2];
        const slots = 2 ** logSlots;
        onEveryBuild(ring, (w) => {
          const fill = () => {
            const values = w.room(1);
            values.realsView().forEach((_, i, all) => {
              all[i] = Math.sin(seed + i * i);
            });
            return values;
          };
          const [full, short] = [w.room(3), w.room(3)];
          for (const [op, dst] of [[Op.encode, full], [Op.encodePeriodic, short]] as const) {
            const values = fill();
            w.kernels.call(op, w.handle, dst.address(), values.address(), values.address(slots), slots, 2 ** 40, basis);
          } // biome-ignore format: pairs
          const run = ring.n / (2 * slots);
          const expected = full.wordsView(0, 3 * ring.n).filter((_, i) => i % run === 0);
          expectWords(short.wordsView(0, 6 * slots), expected, w.kernels.build);
        });
      }),
      { numRuns: 20 },
    );
  });
});

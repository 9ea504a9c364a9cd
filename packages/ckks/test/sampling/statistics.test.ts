// Distributions, on the fastest build (samplers.test.ts shows that all builds give the same bits). Every test also runs on
// samplers that are wrong on purpose, and must reject them: a test that accepts anything proves nothing.
import { afterAll, describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import { builds, Workbench } from '../kernels/support.ts';
import { primesBelow, referenceRing } from '../reference/index.ts';
import { binomial, keystreamWords } from './reference.ts';
import {
  chiDeviate,
  chiSquareDeviate,
  correlationDeviate,
  counts,
  critical,
  equalBins,
  momentDeviate,
  rejected,
} from './statistics.ts';
import { Kind, putSeed, seedBytes, smallCoefficients } from './support.ts';

const logN = 14;
// 786433 = 3 2^18 + 1 fills three quarters of its 20 bits: residues by division instead of rejection would be uneven.
const skewed = 786433n;
const ring = referenceRing(logN, [...primesBelow(2n ** 50n, logN, 2), ...primesBelow(2n ** 40n, logN, 1), skewed]);
const w = new Workbench(builds[0]!, ring);
afterAll(() => w[Symbol.dispose]());
const { n } = ring;

/** Residues of several polynomials, as numbers in [0, 1). */
function fractions(prime: number, firstStream: number, polynomials: number): number[] {
  const slab = w.room(1);
  const seed = putSeed(w, seedBytes(50));
  const p = Number(ring.primes[prime]!);
  const result: number[] = [];
  for (let i = 0; i < polynomials; i += 1) {
    w.kernels.call(Op.sampleUniform, w.handle, slab.address(), seed, firstStream + 100 * i, [prime]);
    for (const word of slab.wordsView()) result.push(Number(word) / p);
  }
  return result;
}

const small = (kind: Kind, streams: number, weight = 0): number[] =>
  Array.from({ length: streams }, (_, i) => smallCoefficients(w, seedBytes(60), 1 + i, kind, weight)).flat();

/** Independent uniform numbers in [0, 1), multiples of 2^-32, for the bad controls. */
function uniformNumbers(stream: number, count: number): number[] {
  const words = keystreamWords(seedBytes(70), stream, count / 2);
  return Array.from(new Uint32Array(words.buffer), (word) => word / 2 ** 32);
}

const normal = (u: readonly number[]): number[] =>
  u.map((_, i) =>
    i % 2 === 0
      ? Math.sqrt(-2 * Math.log(1 - u[i]!)) * Math.cos(2 * Math.PI * u[i + 1]!)
      : Math.sqrt(-2 * Math.log(1 - u[i - 1]!)) * Math.sin(2 * Math.PI * u[i]!),
  );

/** Cell numbers of the pairs (0, 1), (2, 3), ... of values below `bins`. */
function neighbours(x: readonly number[], bins: number): number[] {
  return Array.from({ length: x.length / 2 }, (_, i) => bins * x[2 * i]! + x[2 * i + 1]!);
}

describe('uniform residues', () => {
  const uneven = (u: readonly number[]) =>
    rejected(
      equalBins(
        u.map((x) => Math.floor(x * 256)),
        256,
      ),
    );
  const correlated = (a: readonly number[], b: readonly number[]) =>
    rejected(
      correlationDeviate(
        a.map((x) => x - 0.5),
        b.map((x) => x - 0.5),
        1 / 12,
      ),
    );

  it('fill [0, p) evenly, in the high and the low bits', () => {
    for (let prime = 0; prime < ring.primes.length; prime += 1) {
      const u = fractions(prime, 1, 8);
      expect(uneven(u), `prime ${prime}`).toBe(false);
      const p = Number(ring.primes[prime]!);
      const low = u.map((x) => Math.round(x * p) % 64);
      expect(rejected(equalBins(low, 64)), `low bits, prime ${prime}`).toBe(false);
    }
  });

  it('bad control: words reduced by division instead of rejection', () => {
    const p = Number(skewed);
    expect(uneven(uniformNumbers(1, 8 * n).map((x) => (Math.floor(x * 2 ** 20) % p) / p))).toBe(true);
  });

  it('have no correlation between limbs, between streams, or along a stream', () => {
    const [a, b, c] = [fractions(0, 1, 8), fractions(1, 1, 8), fractions(0, 50, 8)];
    expect(correlated(a, b)).toBe(false);
    expect(correlated(a, c)).toBe(false);
    expect(correlated(b, c)).toBe(false);
    for (const lag of [1, 2, 8, 16, 64, 256]) expect(correlated(a, [...a.slice(lag), ...a.slice(0, lag)])).toBe(false);
    // Pairs of neighbours fill the unit square.
    const cells = neighbours(
      a.map((x) => Math.floor(16 * x)),
      16,
    );
    expect(rejected(equalBins(cells, 256))).toBe(false);
  });

  it('bad controls: one stream for two limbs; a keystream whose counter repeats', () => {
    const [a, same] = [fractions(0, 100, 8), fractions(1, 99, 8)]; // stream base + prime index: both use stream 100
    expect(correlated(a, same)).toBe(true);
    const repeating = a.map((_, i) => a[(i % 64) + 64 * Math.floor(i / 512)]!);
    expect(correlated(repeating, [...repeating.slice(64), ...repeating.slice(0, 64)])).toBe(true);
  });
});

describe('dense ternary', () => {
  const third = (x: readonly number[]) =>
    rejected(
      equalBins(
        x.map((v) => v + 1),
        3,
      ),
    );
  const pairs = (x: readonly number[]) =>
    rejected(
      equalBins(
        neighbours(
          x.map((v) => v + 1),
          3,
        ),
        9,
      ),
    );

  it('has equal thirds, and independent neighbours', () => {
    const x = small(Kind.ternary, 64);
    expect(third(x)).toBe(false);
    expect(pairs(x)).toBe(false);
  });

  it('bad controls: a rejected field read as 0, a byte modulo 3, a sign that follows its neighbour', () => {
    const u = uniformNumbers(2, 128 * n);
    expect(third(u.slice(0, n).map((x) => [-1, 0, 1, 0][Math.floor(4 * x)]!))).toBe(true);
    expect(third(u.map((x) => (Math.floor(256 * x) % 3) - 1))).toBe(true);
    const x = small(Kind.ternary, 64);
    const following = x.map((v, i) => (i % 50 === 1 ? x[i - 1]! : v));
    expect(pairs(following)).toBe(true);
  });
});

describe('sparse ternary', () => {
  const weight = 192;
  const polynomials = 64;
  const sparse = (): number[][] =>
    Array.from({ length: polynomials }, (_, i) => smallCoefficients(w, seedBytes(61), i, Kind.sparse, weight));
  const exact = (x: readonly number[]) =>
    x.filter((v) => v === 1 || v === -1).length === weight && x.every((v) => v * v <= 1);
  const positions = (x: readonly number[]) => x.flatMap((v, i) => (v === 0 ? [] : [i]));

  // Support evenly spread, and in each polynomial as unevenly as chance would have it: the number of positions in the
  // first half is hypergeometric with variance w/4 (N - w)/(N - 1).
  const spread = weight / 4 / ((n - 1) / (n - weight));
  const halves = (xs: readonly number[][]) => xs.map((x) => positions(x).filter((i) => i < n / 2).length - weight / 2);
  const unevenSupport = (xs: readonly number[][]) =>
    rejected(
      equalBins(
        xs.flatMap(positions).map((i) => Math.floor((64 * i) / n)),
        64,
      ),
    ) ||
    rejected(
      chiDeviate(
        halves(xs).reduce((sum, x) => sum + x ** 2 / spread, 0),
        polynomials,
      ),
    );
  const unevenSigns = (xs: readonly number[][]) => {
    const signs = xs.flatMap((x) => positions(x).map((i) => ({ sign: x[i]!, i })));
    return (
      rejected(
        equalBins(
          signs.map(({ sign }) => (sign + 1) / 2),
          2,
        ),
      ) ||
      rejected(
        equalBins(
          signs.map(({ sign, i }) => sign + 1 + (i % 2)),
          4,
        ),
      ) // sign against the lowest bit of the place
    );
  };

  it('has exactly the asked weight, with support and signs at random', () => {
    const xs = sparse();
    expect(xs.every(exact)).toBe(true);
    for (const other of [1, 2, 64, 1000]) {
      const x = smallCoefficients(w, seedBytes(62), other, Kind.sparse, other);
      expect(x.filter((v) => v !== 0).length).toBe(other);
    }
    expect(unevenSupport(xs)).toBe(false);
    expect(unevenSigns(xs)).toBe(false);
  });

  it('bad controls: positions drawn with replacement, skewed, or one in each stratum; signs tied to positions', () => {
    const build = (f: (u: number, j: number) => number, sign: (i: number, j: number) => number) =>
      Array.from({ length: polynomials }, (_, k) => {
        const x = new Array<number>(n).fill(0);
        uniformNumbers(100 + k, weight).forEach((u, j) => {
          x[Math.floor(f(u, j) * n)] = sign(Math.floor(f(u, j) * n), j);
        });
        return x;
      });
    const alternate = (_: number, j: number) => 1 - 2 * (j % 2);
    expect(build((u) => u, alternate).every(exact)).toBe(false);
    expect(unevenSupport(build((u) => u ** 1.1, alternate))).toBe(true);
    expect(unevenSupport(build((u, j) => (j + u) / weight, alternate))).toBe(true);
    expect(
      unevenSigns(
        build(
          (u) => u,
          (i) => 1 - 2 * (i % 2),
        ),
      ),
    ).toBe(true);
  });
});

describe('centred binomial', () => {
  const eta = 21;
  // P(k) = C(42, 21 + k) / 2^42; the tails beyond 13 are pooled.
  const reach = 13;
  const probability = (() => {
    const c = [1];
    for (let i = 0; i < 2 * eta; i += 1) c.push((c[i]! * (2 * eta - i)) / (i + 1));
    return (k: number) => c[eta + k]! / 2 ** (2 * eta);
  })();
  const wrong = (x: readonly number[]): boolean => {
    const expected = Array.from({ length: 2 * reach + 1 }, (_, i) => x.length * probability(i - reach));
    let tail = 0;
    for (let k = reach + 1; k <= eta; k += 1) tail += x.length * probability(k);
    expected[0]! += tail;
    expected[2 * reach]! += tail;
    const bins = x.map((v) => Math.min(Math.max(v, -reach), reach) + reach);
    return rejected(chiSquareDeviate(counts(bins, 2 * reach + 1), expected));
  };
  const moment = (power: number): number => {
    let sum = 0;
    for (let k = -eta; k <= eta; k += 1) sum += probability(k) * k ** power;
    return sum;
  };
  const momentsWrong = (x: readonly number[]) =>
    [1, 2, 3, 4].some((power) => rejected(momentDeviate(x, power, moment(power), moment(2 * power))));

  it('has its exact distribution and moments, and independent neighbours', () => {
    const x = small(Kind.binomial, 64);
    expect(moment(2)).toBeCloseTo(10.5, 9);
    expect(wrong(x)).toBe(false);
    expect(momentsWrong(x)).toBe(false);
    for (const lag of [1, 2, 64]) {
      expect(Math.abs(correlationDeviate(x.slice(lag), x.slice(0, -lag), 10.5))).toBeLessThan(critical);
    }
  });

  it('bad controls: eta = 20, a rounded Gaussian of the same deviation, a mean of 0.02', () => {
    const twenty = binomial(seedBytes(63), 1, 16 * n, 20);
    expect(wrong(twenty) && momentsWrong(twenty)).toBe(true);
    const rounded = normal(uniformNumbers(3, 64 * n)).map((g) => Math.round(g * Math.sqrt(10.5 - 1 / 12)));
    expect(wrong(rounded)).toBe(true);
    const x = small(Kind.binomial, 64);
    expect(momentsWrong(x.map((v, i) => (i % 50 === 0 ? v + 1 : v)))).toBe(true);
  });
});

describe('wide Gaussian', () => {
  // Quantiles of the standard normal at i / 32: bins of equal probability.
  const quantiles = [
    0.0784124127, 0.1573106847, 0.2372021093, 0.318639364, 0.4022500653, 0.4887764111, 0.5791321623, 0.6744897502,
    0.7764217611, 0.887146559, 1.0099901693, 1.1503493804, 1.3180108973, 1.5341205443, 1.8627318674,
  ];
  const bin = (g: number) => {
    let above = 0;
    while (above < 15 && Math.abs(g) >= quantiles[above]!) above += 1;
    return g >= 0 ? 16 + above : 15 - above;
  };
  const wrong = (g: readonly number[]) =>
    rejected(equalBins(g.map(bin), 32)) ||
    [1, 2, 3, 4, 6].some((power) => {
      const moments: Record<number, number> = { 1: 0, 2: 1, 3: 0, 4: 3, 6: 15, 8: 105, 12: 10395 };
      return rejected(momentDeviate(g, power, moments[power]!, moments[2 * power]!));
    });

  it('is normal with the asked standard deviation, from 2^2 to 2^40', () => {
    for (const milli of [20_000, 33_333, 40_000]) {
      const x = small(Kind.gaussian, 32, milli).map((v) => v / 2 ** (milli / 1000));
      expect(wrong(x), `2^${milli / 1000}`).toBe(false);
      expect(Math.abs(correlationDeviate(x.slice(1), x.slice(0, -1), 1))).toBeLessThan(critical);
    }
    // Small deviations are visibly discrete: moments only.
    for (const milli of [2000, 3000, 5500]) {
      const sigma = 2 ** (milli / 1000);
      const x = small(Kind.gaussian, 16, milli).map((v) => v / sigma);
      expect([1, 2].some((power) => rejected(momentDeviate(x, power, power - 1, 2 * power - 1)))).toBe(false);
    }
  });

  it('bad controls: a deviation 1 % too small, a sum of twelve uniforms, a mean of -1/2', () => {
    const count = 32 * n;
    const g = normal(uniformNumbers(4, count));
    expect(wrong(g)).toBe(false);
    expect(wrong(g.map((x) => 0.99 * x))).toBe(true);
    const sums = new Array<number>(count).fill(-6);
    for (let k = 0; k < 12; k += 1) {
      const u = uniformNumbers(10 + k, count);
      for (let i = 0; i < count; i += 1) sums[i]! += u[i]!;
    }
    expect(wrong(sums)).toBe(true);
    const floored = g.map((x) => Math.floor(8 * x) / 8);
    expect(rejected(momentDeviate(floored, 1, 0, 1))).toBe(true);
  });
});

// The encoder against the canonical embedding written out: slot j of a polynomial is its value at zeta^(5^j).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inverseMod } from '../../src/ring/index.ts';
import { Context, Encoder, Parameters, type Plaintext, type Slots } from '../../src/scheme/index.ts';
import { conjugated, plus, randomSlots, realSlots, smallLiteral, turned, worst } from './support.ts';

const logN = 7;
const n = 2 ** logN;
let context: Context;
let encoder: Encoder;

beforeAll(async () => {
  context = await Context.create(Parameters.from({ ...smallLiteral, logN }, { insecure: true }), {
    threads: 1,
    insecure: true,
  });
  encoder = new Encoder(context);
});
afterAll(() => context[Symbol.dispose]());

/** Coefficients of a plaintext, centred, from its first two limbs. */
function coefficients(plaintext: Plaintext): number[] {
  const { ring, kernels, parameters } = context;
  const basis = plaintext.basis.slice(0, 2);
  using copy = encoder.encode([0], undefined, { level: plaintext.level });
  ring.inverse(copy.part(0), plaintext.part(0), basis);
  const bytes = kernels.view(copy.part(0), 8 * basis.length * n).slice();
  const words = new BigUint64Array(bytes.buffer);
  const [p, q] = basis.map((i) => BigInt(parameters.primes[i]!));
  const inverse = inverseMod(p!, q!);
  return Array.from({ length: n }, (_, i) => {
    const low = words[i]!;
    const high = ((((words[n + i]! - low) % q!) + q!) * inverse) % q!;
    const value = low + p! * high;
    return Number(2n * value > p! * q! ? value - p! * q! : value);
  });
}

/** The definition, O(n^2): sum of c_k zeta^(k 5^j), zeta = exp(i pi / n). */
function embedding(c: readonly number[], slots: number): Slots {
  const real = new Float64Array(slots);
  const imag = new Float64Array(slots);
  for (let j = 0, power = 1; j < slots; j++, power = (5 * power) % (2 * n)) {
    for (let k = 0; k < n; k++) {
      const angle = (Math.PI * ((k * power) % (2 * n))) / n;
      real[j]! += c[k]! * Math.cos(angle);
      imag[j]! += c[k]! * Math.sin(angle);
    }
  }
  return { real, imag };
}

function scaledBy({ real, imag }: Slots, factor: number): Slots {
  return { real: real.map((x) => x * factor), imag: imag.map((x) => x * factor) };
}

// Rounding moves a coefficient by at most 1/2, n of them a slot by at most n/2: in units of the scale, plus the
// transform's own rounding of about 2^-50.
const rounding = (scale: number, slots = n / 2) => slots / scale + 2 ** -48;

describe('encode', () => {
  it.each([1, 2, 8, n / 4, n / 2])('gives the polynomial whose embedding is the slots: %i complex slots', (slots) => {
    const values = randomSlots(slots, 1);
    using plaintext = encoder.encode(values.real, values.imag, { slots });
    const all = embedding(coefficients(plaintext), n / 2);
    const repeated = {
      real: Float64Array.from({ length: n / 2 }, (_, j) => values.real[j % slots]!),
      imag: Float64Array.from({ length: n / 2 }, (_, j) => values.imag[j % slots]!),
    };
    expect(worst(scaledBy(all, 1 / plaintext.scale), repeated)).toBeLessThan(rounding(plaintext.scale));
  });

  it('fills only the coefficients of the subring for sparse slots', () => {
    using plaintext = encoder.encode(randomSlots(8, 2).real, randomSlots(8, 3).real, { slots: 8 });
    const gap = n / 16;
    coefficients(plaintext).forEach((c, k) => {
      if (k % gap !== 0) expect(c).toBe(0);
    });
  });

  it('encodes constants as constant polynomials and i as X^(N/2), exactly', () => {
    using one = encoder.encode(new Float64Array(n / 2).fill(1), undefined, { scale: 2 ** 30 });
    expect(coefficients(one)).toEqual([2 ** 30, ...Array(n - 1).fill(0)]);
    using i = encoder.encode([0], [1], { scale: 1, slots: 1 });
    const expected = Array(n).fill(0);
    expected[n / 2] = 1;
    expect(coefficients(i)).toEqual(expected);
  });

  it('takes missing values as zero, and plain arrays as well as typed ones', () => {
    using a = encoder.encode([0.5, -0.25]);
    const back = encoder.decode(a);
    expect(
      worst(
        back,
        realSlots(n / 2, (i) => [0.5, -0.25][i] ?? 0),
      ),
    ).toBeLessThan(rounding(a.scale));
  });

  it('is additive up to rounding, and conjugate slots are the polynomial at 1/X', () => {
    const [a, b] = [randomSlots(n / 2, 4), randomSlots(n / 2, 5)];
    const sum = plus(a, b);
    using pa = encoder.encode(a.real, a.imag);
    using pb = encoder.encode(b.real, b.imag);
    using ps = encoder.encode(sum.real, sum.imag);
    const [ca, cb, cs] = [pa, pb, ps].map(coefficients);
    cs!.forEach((c, k) => {
      expect(Math.abs(c - ca![k]! - cb![k]!)).toBeLessThanOrEqual(2);
    });
    const bar = conjugated(a);
    using pc = encoder.encode(bar.real, bar.imag);
    coefficients(pc).forEach((c, k) => {
      // X^-k = -X^(n-k)
      expect(Math.abs(c - (k === 0 ? ca![0]! : -ca![n - k]!))).toBeLessThanOrEqual(1);
    });
  });

  it('holds large messages in wide moduli: 2^30 at scale 2^60', () => {
    const values = randomSlots(n / 2, 6, 2 ** 30);
    using plaintext = encoder.encode(values.real, values.imag, { scale: 2 ** 60 });
    // Doubles carry 53 bits of it.
    expect(worst(encoder.decode(plaintext), values)).toBeLessThan(2 ** (30 - 48));
  });
});

describe('decode', () => {
  it.each([1, 2, 16, n / 2])('inverts encode: %i slots, every level', (slots) => {
    for (let level = 0; level <= context.parameters.maxLevel; level++) {
      const values = randomSlots(slots, 10 + level);
      using plaintext = encoder.encode(values.real, values.imag, { slots, level });
      expect(plaintext.level).toBe(level);
      expect(worst(encoder.decode(plaintext), values)).toBeLessThan(rounding(plaintext.scale, slots));
    }
  });

  it('reads the image of X -> X^5 as the slots rotated by one', () => {
    const values = randomSlots(n / 2, 20);
    using plaintext = encoder.encode(values.real, values.imag);
    using moved = encoder.encode([0]);
    context.ring.automorphism(moved.part(0), plaintext.part(0), 5, plaintext.level + 1);
    expect(worst(encoder.decode(moved), turned(values, 1))).toBeLessThan(rounding(plaintext.scale));
  });

  it('gives real slots an imaginary part of rounding size only', () => {
    const values = realSlots(n / 2, (i) => Math.sin(i));
    using plaintext = encoder.encode(values.real);
    expect(worst(encoder.decode(plaintext), values)).toBeLessThan(rounding(plaintext.scale));
  });
});

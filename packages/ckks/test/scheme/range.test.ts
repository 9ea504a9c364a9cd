// Row 13: a number either comes back from decryption or is refused, near every limit and on both sides of it.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PolynomialEvaluator } from '../../src/circuits/index.ts';
import { OperandError } from '../../src/errors/index.ts';
import type { Ciphertext, Plaintext } from '../../src/scheme/index.ts';
import { Laboratory, randomSlots, smallLiteral, worst } from './support.ts';

const top = 7;
const slots = 32;
let lab: Laboratory;
beforeAll(async () => {
  const literal = { ...smallLiteral, logN: 6, chainBits: [50, ...Array<number>(top).fill(40)] };
  lab = (await Laboratory.create(literal)).withKeys();
});
afterAll(() => lab[Symbol.dispose]());

/** log2 of half the modulus of a level. */
const half = (level: number) => lab.parameters.logQ(level) - 1;
/** Numbers around 2^bits: just below, just above, and anywhere up to two bits away; with either sign. */
const around = fc.tuple(
  fc.oneof(
    fc.constantFrom(-0.01, 0.01, -1, 1),
    fc.double({ min: -2, max: 2, noNaN: true }).filter((x) => Math.abs(x) > 0.005),
  ),
  fc.constantFrom(-1, 1),
);
const level = fc.integer({ min: 0, max: top });

/** The same value in every slot. */
function constantly(value: number, at: number, scale = lab.parameters.scale): Ciphertext {
  return lab.encrypt(
    { real: new Float64Array(slots).fill(value), imag: new Float64Array(slots) },
    { level: at, scale },
  );
}

function expectValue(ciphertext: Ciphertext, value: number): void {
  const { real } = lab.open(ciphertext);
  for (const x of real) expect(Math.abs(x / value - 1)).toBeLessThan(2 ** -20);
}

/** `run` gives `value` where it fits and is refused, with `number` in the message, where it does not. */
function comesBackOrRefused(fits: boolean, run: () => Ciphertext, value: number, number: string | RegExp): void {
  if (fits) {
    expectValue(run(), value);
    return;
  }
  const before = lab.context.kernels.memory().slabs;
  expect(run).toThrow(OperandError);
  expect(run).toThrow(number);
  expect(lab.context.kernels.memory().slabs).toBe(before);
}

function failureOf(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was refused');
}

/** What a number at this scale has to stay below, in bits: three primes hold 129, and more where the scale needs them. */
function numberLimit(at: number, scaleBits: number): number {
  let primes = Math.min(3, at + 1);
  while (primes <= at && lab.parameters.logQ(primes - 1) < scaleBits + 64) primes += 1;
  return half(primes - 1) - scaleBits;
}

describe('row 13: known numbers', () => {
  it('three products without a rescale', () => {
    let at = constantly(1.5, top);
    using factor = constantly(1.5, top);
    for (const power of [2, 3, 4]) {
      using product = lab.evaluator.multiplyRaw(at, factor);
      at[Symbol.dispose]();
      at = lab.evaluator.relinearise(product);
      expect(at.scale).toBe(2 ** (40 * power));
      expectValue(at.copy(), 1.5 ** power);
    }
    at[Symbol.dispose]();
  });

  it('the constants that were silently wrong', () => {
    using x = constantly(1, top);
    expect(() => lab.evaluator.addConstant(x, 2 ** 91)).toThrow(
      /the constant 2.47588\d*e\+27 does not fit: at scale 2\^40/,
    );
    expect(() => lab.evaluator.multiplyConstant(x, 1e30, 2 ** 40)).toThrow(/the constant 1e\+30 does not fit/);
    expectValue(lab.evaluator.addConstant(x, 2 ** 88), 2 ** 88);
    expectValue(lab.evaluator.multiplyConstant(x, 1e26, 2 ** 40), 1e26);
  });

  it('the limit that is named is below the constant, however close', () => {
    using x = constantly(1, top);
    for (const share of [1, 1.0001, 1.0000001]) {
      const value = share * 2 ** numberLimit(top, 40);
      for (const run of [
        () => lab.evaluator.addConstant(x, value),
        () => lab.encoder.encode([value], undefined, { slots: 1 }),
      ]) {
        const { message } = failureOf(run);
        const limit = Number(/(?:stay below|values below) ([\d.e+]+?)[;:]/.exec(message)?.[1]);
        if (share > 1) expect(limit).toBeLessThan(value);
        expect(limit / value).toBeCloseTo(1, 2);
      }
    }
  });

  it('addConstant', () => {
    fc.assert(
      fc.property(level, around, (at, [off, sign]) => {
        const value = sign * 2 ** (numberLimit(at, 40) + off);
        using x = constantly(0, at);
        comesBackOrRefused(off < 0, () => lab.evaluator.addConstant(x, value), value, `the constant ${value}`);
      }),
    );
  });

  it('multiplyConstant: the constant at its own scale, and the result against the modulus', () => {
    fc.assert(
      fc.property(level, around, fc.integer({ min: 10, max: 60 }), (at, [off, sign], bits) => {
        const own = numberLimit(at, bits);
        const result = half(at) - 40 - bits;
        fc.pre(result > 1);
        const limit = Math.min(own, result);
        const value = sign * 2 ** (limit + off);
        fc.pre(Math.abs(value) * 2 ** bits > 2 ** 30);
        using x = constantly(1, at);
        comesBackOrRefused(off < 0, () => lab.evaluator.multiplyConstant(x, value, 2 ** bits), value, /does not fit/);
      }),
    );
  });

  it('multiplyInteger', () => {
    fc.assert(
      fc.property(level, around, (at, [off, sign]) => {
        const value = sign * 2 ** (half(at) - 40 + off);
        const integer = BigInt(Math.round(value));
        fc.pre(integer !== 0n && Math.abs(off) > 0.3);
        using x = constantly(1, at);
        comesBackOrRefused(
          off < 0,
          () => lab.evaluator.multiplyInteger(x, integer),
          Number(integer),
          `multiple by ${integer}`,
        );
      }),
    );
  });

  it('encode, at every scale and level', () => {
    fc.assert(
      fc.property(level, around, fc.integer({ min: 20, max: 300 }), fc.boolean(), (at, [off, sign], bits, complex) => {
        const limit = numberLimit(at, bits) - (complex ? 0.5 : 0);
        const value = sign * 2 ** (limit + off);
        const encode = () =>
          lab.encoder.encode([value], complex ? [value] : undefined, { level: at, scale: 2 ** bits, slots: 1 });
        if (off > 0) {
          expect(encode).toThrow(OperandError);
          expect(encode).toThrow(`slot 0 is ${value}`);
          return;
        }
        using plaintext = encode();
        const { real, imag } = lab.encoder.decode(plaintext);
        expect(Math.abs(real[0]! / value - 1)).toBeLessThan(2 ** -30);
        if (complex) expect(Math.abs(imag[0]! / value - 1)).toBeLessThan(2 ** -30);
      }),
    );
  });

  it('coefficients of a polynomial', () => {
    using t = constantly(1, 4);
    const evaluate = (c: number) => () => new PolynomialEvaluator(lab.evaluator).evaluate(t, [0, c]);
    expect(evaluate(2 ** 100)).toThrow(/the constant 1.26\d*e\+30 does not fit/);
  });

  it('that are not finite', () => {
    using x = constantly(1, top);
    const { memory } = lab.context.kernels;
    const before = memory.call(lab.context.kernels).slabs;
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1e300]) {
      for (const run of [
        () => lab.evaluator.addConstant(x, wrong),
        () => lab.evaluator.multiplyConstant(x, wrong, 2 ** 40),
        () => lab.evaluator.multiplyConstant(x, 1, wrong),
        () => lab.encoder.encode([wrong]),
        () => lab.encoder.encode([0], [wrong]),
        () => lab.encoder.encode([1], undefined, { scale: wrong }),
      ])
        expect(run, `${run} ${wrong}`).toThrow(OperandError);
    }
    expect(memory.call(lab.context.kernels).slabs).toBe(before);
  });
});

describe('row 13: scales', () => {
  it('must leave room for 1 at the level of the result, and not round it away', () => {
    fc.assert(
      fc.property(level, level, fc.integer({ min: 0, max: 330 }), (from, to, bits) => {
        const scale = 2 ** bits;
        fc.pre(bits < half(from) && to <= from);
        const fits = bits < half(to);
        const attempt = (run: () => Ciphertext | Plaintext) => {
          if (fits) run()[Symbol.dispose]();
          else expect(run).toThrow(/does not fit a modulus/);
        };
        using x = constantly(0, from, scale);
        using low = lab.encoder.encode([0], undefined, { level: to, scale });
        attempt(() => x.copy().dropTo(to));
        attempt(() => lab.evaluator.add(x, low));
        attempt(() => lab.evaluator.subtract(x, low));
        if (from > 0) {
          if (scale >= lab.parameters.primeAt(from)) lab.evaluator.rescale(x)[Symbol.dispose]();
          else expect(() => lab.evaluator.rescale(x)).toThrow(/would have its values rounded away/);
        }
      }),
    );
  });

  it('of products, whichever way they are made', () => {
    fc.assert(
      fc.property(level, fc.integer({ min: 20, max: 90 }), fc.integer({ min: 20, max: 90 }), (at, left, right) => {
        fc.pre(left < half(at) && right < half(at));
        using a = constantly(0.5, at, 2 ** left);
        using b = constantly(0.5, at, 2 ** right);
        using p = lab.encoder.encode([0.5], undefined, { level: at, scale: 2 ** right, slots: 1 });
        const fits = left + right < half(at);
        for (const run of [
          () => lab.evaluator.multiplyRaw(a, b),
          () => lab.evaluator.multiplyPlain(a, p),
          () => lab.evaluator.multiplyConstant(a, 0.5, 2 ** right),
        ]) {
          if (fits) expectAbout(run(), 0.25);
          else expect(run).toThrow(/does not fit a modulus/);
        }
      }),
    );
  });

  function expectAbout(ciphertext: Ciphertext, value: number): void {
    for (const x of lab.open(ciphertext).real) expect(Math.abs(x - value)).toBeLessThan(2 ** -8);
  }
});

describe('row 13: decoding reads as many primes as the values need', () => {
  it('integers of any size below half the modulus', () => {
    const integer = fc
      .tuple(level, fc.integer({ min: 0, max: 330 }), fc.bigInt({ min: 2n ** 60n, max: 2n ** 61n }), fc.boolean())
      .filter(([at, bits]) => bits < half(at) - 0.1);
    fc.assert(
      fc.property(integer, fc.integer({ min: 0, max: 200 }), ([at, bits, mantissa, negative], scaleBits) => {
        const shift = BigInt(Math.abs(bits - 61));
        const size = bits >= 61 ? mantissa << shift : mantissa >> shift;
        const value = negative ? -size : size;
        using plaintext = lab.encoder.encode([0], undefined, { level: at, scale: 2 ** scaleBits });
        const { ring } = lab.context;
        ring.addScalar(plaintext.part(0), plaintext.part(0), value, plaintext.basis);
        const wanted = Number(value) / 2 ** scaleBits;
        for (const x of lab.encoder.decode(plaintext).real)
          expect(Math.abs(x - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * 2 ** -45);
      }),
      { numRuns: 300 },
    );
  });

  it('slots of every size: products of large values that fit their modulus', () => {
    for (const bits of [0, 20, 40, 49, 50, 51, 60, 80, 88, 100]) {
      using x = lab.encrypt(randomSlots(slots, bits, 2 ** Math.min(bits, 80)), { level: top });
      const values = lab.decrypt(x);
      using square = lab.evaluator.multiply(x, x);
      const wanted = {
        real: values.real.map((re, i) => re * re - values.imag[i]! ** 2),
        imag: values.real.map((re, i) => 2 * re * values.imag[i]!),
      };
      expect(worst(lab.decrypt(square), wanted)).toBeLessThan(2 ** (2 * Math.min(bits, 80) - 18));
    }
  });

  it('refuses what no double holds', () => {
    using plaintext = lab.encoder.encode([2 ** 80], undefined, { slots: 1 });
    plaintext.scale = 2 ** -1000;
    expect(() => lab.encoder.decode(plaintext)).toThrow(/beyond the range of doubles/);
  });
});

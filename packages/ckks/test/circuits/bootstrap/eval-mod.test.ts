// EvalMod: the approximation in the clear against x mod 1, the circuit against the clear, and how rarely it fails.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defaultEvalMod, EvalMod, evalModFor, log2FailureProbability } from '../../../src/circuits/index.ts';
import { ParameterError } from '../../../src/errors/index.ts';
import { ephemeralWeight } from '../../../src/scheme/index.ts';
import { fixRandomness, Laboratory, realSlots, smallLiteral, uniform, worst } from '../../scheme/support.ts';

const evalMod = new EvalMod();
/** Messages are at most 2^-10 of q0. */
const range = 2 ** -10;

it.each([
  ['degree', [0, -1, 2.5, Number.NaN]],
  ['doubleAngles', [-1, 0.5, Number.NaN]],
  ['bound', [0, -15.5, Number.NaN, Number.POSITIVE_INFINITY]],
  ['message', [0, -1, 0.5, Number.NaN]],
] as const)('refuses options out of range: %s', (name, values) => {
  for (const value of values) {
    expect(() => new EvalMod({ ...defaultEvalMod, [name]: value })).toThrow(ParameterError);
    expect(() => new EvalMod({ ...defaultEvalMod, [name]: value })).toThrow(new RegExp(`evalMod.${name} .*${value}`));
  }
});

describe('in the clear', () => {
  it('is sin(2 pi x) / 2 pi on all of [-bound, bound], a little larger, to 2^-26', () => {
    const amplitude = (1 + (2 * Math.PI * range) ** 2 / 8) / (2 * Math.PI);
    for (let x = -defaultEvalMod.bound; x <= defaultEvalMod.bound; x += 0.0117)
      expect(Math.abs(evalMod.clear(x) - amplitude * Math.sin(2 * Math.PI * x))).toBeLessThan(2 ** -26);
  });

  it('is x mod 1 near every whole number, to a quarter of the sine’s cubic error and the series’', () => {
    // |sin(2 pi m) / 2 pi - m| <= (2 pi)^2 m^3 / 6, 2^-27.3 at m = 2^-10; the amplitude leaves a quarter of it, 2^-29.3.
    const cubic = ((2 * Math.PI) ** 2 * range ** 3) / 6 / 4;
    for (let whole = -15; whole <= 15; whole++) {
      for (const m of [-range, -range / 3, 0, range / 2, range])
        expect(Math.abs(evalMod.clear(whole + m) - m)).toBeLessThan(cubic + 2 ** -31);
    }
  });

  it.each([
    [7, 3, 2],
    [6.9, 3, 2],
    [5, 7, 3],
  ])('straightens messages of q0 / 2^%f by an arcsine of degree %i, in %i levels', (bits, degree, levels) => {
    const straight = new EvalMod(evalModFor(bits));
    expect([straight.options.arcsine, straight.arcsineLevels]).toEqual([degree, levels]);
    expect(straight.levels).toBe(evalMod.levels + levels);
    const { message } = straight.options;
    const bent = new EvalMod({ ...straight.options, arcsine: undefined });
    for (const part of [-1.6, -1, -0.5, 0, 0.3, 0.9, 1, 1.6]) {
      const m = part * message;
      // Relative to the largest message: 21 or 23 bits, where the sine alone leaves 11 or less at the ends.
      expect(Math.abs(straight.clear(3 + m) - m) / message).toBeLessThan(2 ** (degree === 3 ? -21 : -23));
      if (Math.abs(part) === 1) expect(Math.abs(bent.clear(3 + m) - m) / message).toBeGreaterThan(2 ** -14);
    }
  });

  it('needs no arcsine from 2^10 on, and is not there for scales nearer than 2^5', () => {
    expect(evalModFor(10.01)).toEqual(defaultEvalMod);
    expect(evalModFor(14)).toEqual(defaultEvalMod);
    expect(() => evalModFor(3.9)).toThrow(/scale of q0 \/ 2\^3\.9 is too near to q0/);
  });

  it('gets better with the degree and with every double angle, at the price of levels', () => {
    const error = (m: EvalMod) => {
      let max = 0;
      for (let x = -m.options.bound; x <= m.options.bound; x += 0.013)
        max = Math.max(max, Math.abs(m.clear(x) - Math.sin(2 * Math.PI * x) / (2 * Math.PI)));
      return max;
    };
    const by = (degree: number, doubleAngles: number) =>
      new EvalMod({ degree, doubleAngles, bound: 15.5, message: 2 ** -10 });
    expect(error(by(7, 3))).toBeGreaterThan(error(by(11, 3)));
    expect(error(by(11, 3))).toBeGreaterThan(error(by(15, 3)));
    expect(error(by(15, 2))).toBeGreaterThan(error(by(15, 3)));
    expect([by(15, 3), by(15, 2), by(31, 2)].map((m) => m.levels)).toEqual([8, 7, 8]);
  });
});

describe('encrypted', () => {
  let lab: Laboratory;
  beforeAll(async () => {
    fixRandomness('eval-mod');
    lab = (
      await Laboratory.create({
        ...smallLiteral,
        chainBits: Array<number>(evalMod.levels + 2).fill(50),
        specialBits: [50, 50, 50],
        scaleBits: 50,
      })
    ).withKeys();
  });
  afterAll(() => {
    lab[Symbol.dispose]();
    vi.restoreAllMocks();
  });

  it('computes what the clear circuit computes, on the scale and level asked for', () => {
    const next = uniform(1);
    const values = realSlots(lab.parameters.maxSlots, () => Math.round(15 * next()) + range * next());
    using u = lab.encrypt({ real: values.real.map((x) => x / evalMod.halfWidth), imag: values.imag });
    const target = 2 ** 49;
    using result = evalMod.apply(lab.evaluator, u, target);
    expect(result.level).toBe(u.level - evalMod.levels);
    expect(result.scale / target).toBeCloseTo(1, 12);
    const clear = realSlots(values.real.length, (i) => evalMod.clear(values.real[i]!));
    // Noise of 2^-43 in the slots, times the derivative of the whole with respect to u: 2 pi 15.75 / 2 pi. The worst of
    // many slots lies around 2^-32, one draw in two above it.
    expect(worst(lab.decrypt(result), clear)).toBeLessThan(2 ** -31);
    const exact = realSlots(values.real.length, (i) => values.real[i]! - Math.round(values.real[i]!));
    expect(worst(lab.decrypt(result), exact)).toBeLessThan(2 ** -25);
  });
});

describe('the failure probability', () => {
  it('of the default is below 2^-100 at N = 2^16', () => {
    expect(log2FailureProbability(defaultEvalMod.bound, 16)).toBeLessThan(-100);
  });

  it('falls with the bound, grows with N and with the weight', () => {
    const bounds = [8, 10, 12, 14, 15, 15.5, 16];
    const values = bounds.map((bound) => log2FailureProbability(bound, 16));
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThan(values[i - 1]!);
    expect(log2FailureProbability(14, 17) - log2FailureProbability(14, 16)).toBeCloseTo(1, 9);
    expect(log2FailureProbability(14, 16, 40)).toBeGreaterThan(log2FailureProbability(14, 16, 32));
  });

  /** P(|sum of `terms` uniform values in (-1/2, 1/2)| > bound): the Irwin-Hall distribution, by its finite sum in integers. */
  function irwinHall(terms: number, bound: number): number {
    // P(S > bound) = P(S' < terms / 2 - bound) for S' of terms in (0, 1): sum_k (-1)^k C(terms, k) (y - k)^terms / terms!
    const scaled = BigInt(Math.round(64 * (terms / 2 - bound)));
    let sum = 0n;
    let choose = 1n;
    for (let k = 0n; 64n * k < scaled; k++) {
      sum += (k % 2n === 0n ? 1n : -1n) * choose * (scaled - 64n * k) ** BigInt(terms);
      choose = (choose * (BigInt(terms) - k)) / (k + 1n);
    }
    let factorial = 1n;
    for (let k = 2n; k <= BigInt(terms); k++) factorial *= k;
    const log2 = (x: bigint) => {
      const bits = x.toString(2);
      return bits.length - 53 + Math.log2(Number(BigInt(`0b${bits.slice(0, 53).padEnd(53, '0')}`)));
    };
    return 1 + log2(sum) - 6 * terms - log2(factorial);
  }

  it('is a bound on the exact distribution, within 7 bits of it', () => {
    for (const bound of [6, 8, 10, 12, 14, 15, 15.5]) {
      const stated = log2FailureProbability(bound, 0, ephemeralWeight);
      const exact = irwinHall(ephemeralWeight + 1, bound);
      expect(stated).toBeGreaterThan(exact);
      expect(stated - exact).toBeLessThan(7);
    }
  });

  it('is what sampling gives where failures can be seen', () => {
    const next = uniform(2);
    const [trials, terms] = [20_000, 5];
    let failures = 0;
    for (let i = 0; i < trials; i++) {
      let sum = 0;
      for (let j = 0; j < terms; j++) sum += next() / 2;
      if (Math.abs(sum) > 1) failures += 1;
    }
    const expected = trials * 2 ** irwinHall(terms, 1);
    // Five deviates of a binomial count; the seed is fixed.
    expect(Math.abs(failures - expected)).toBeLessThan(5 * Math.sqrt(expected));
    expect(Math.log2(failures / trials)).toBeLessThan(log2FailureProbability(1, 0, terms - 1));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CompositeSign,
  compositeSign,
  cosineDoubleAngle,
  evaluateProgram,
  exponentialPower,
  inverseSqrtIteration,
  OptionError,
  type Program,
  programCost,
  proveSign,
  proveSignProgram,
  reciprocalIteration,
  type SignKind,
  signProgram,
} from '../../src/index.ts';
import { denseMaximum, propertyRun } from '../support.ts';

/** Largest relative error over a positive interval, sampled evenly in the logarithm, and evenly in x. */
function relativeSeen(program: Program, f: (x: number) => number, [lo, hi]: readonly [number, number]): number {
  const at = (x: number) => evaluateProgram(program, x) / f(x) - 1;
  return Math.max(
    denseMaximum((s) => at(Math.exp(s)), [Math.log(lo) + 1e-12, Math.log(hi) - 1e-12]),
    denseMaximum(at, [lo, hi]),
  );
}

const wide = fc
  .tuple(fc.double({ min: -3, max: 1, noNaN: true }), fc.double({ min: 0.3, max: 3.5, noNaN: true }))
  .map(([start, decades]) => [10 ** start, 10 ** (start + decades)] as const);
const start = fc.constantFrom<number | 'tangent'>(1, 3, 7, 15, 'tangent');

describe('iterations stay within their proved relative error', () => {
  it('1/x by Goldschmidt', () => {
    fc.assert(
      fc.property(wide, start, fc.integer({ min: 0, max: 9 }), (interval, from, steps) => {
        const { program, relativeError } = reciprocalIteration(interval, from, steps);
        expect(relativeSeen(program, (x) => 1 / x, interval)).toBeLessThanOrEqual(relativeError);
      }),
      { ...propertyRun, numRuns: 25 },
    );
  });

  it('1/sqrt(x) by minimax cubic steps', () => {
    fc.assert(
      fc.property(wide, fc.constantFrom(1, 3, 7, 15), fc.integer({ min: 0, max: 7 }), (interval, from, steps) => {
        const { program, relativeError } = inverseSqrtIteration(interval, from, steps);
        expect(relativeSeen(program, (x) => 1 / Math.sqrt(x), interval)).toBeLessThanOrEqual(relativeError);
      }),
      { ...propertyRun, numRuns: 25 },
    );
  });

  it('levels: start + 1 + steps for 1/x, start + 2 steps for 1/sqrt(x)', () => {
    expect(programCost(reciprocalIteration([0.1, 1], 7, 3).program)).toMatchObject({
      levels: 3 + 1 + 3,
      ciphertextMultiplications: 5 + 2 * 3,
    });
    expect(programCost(inverseSqrtIteration([0.1, 1], 7, 2).program)).toMatchObject({
      levels: 3 + 2 * 2,
      ciphertextMultiplications: 5 + 3 * 2,
    });
  });

  it('minimax steps beat Newton: the same start and number of steps, less than half the error', () => {
    // Newton from a minimax start of relative error e leaves 3/2 e^2; one minimax step leaves about 3/4 e^2.
    const once = inverseSqrtIteration([0.5, 1], 3, 0).relativeError;
    expect(inverseSqrtIteration([0.5, 1], 3, 1).relativeError).toBeLessThan(0.8 * once ** 2);
  });

  it('exp by repeated squaring, and by the limit', () => {
    for (const [base, squarings, interval] of [
      [3, 5, [-20, 0]],
      [7, 3, [-8, 4]],
      ['limit', 10, [-4, 1]],
    ] as const) {
      const { program, relativeError } = exponentialPower(interval, base, squarings);
      const seen = denseMaximum((x) => evaluateProgram(program, x) / Math.exp(x) - 1, interval);
      expect(seen).toBeLessThanOrEqual(relativeError + 1e-13);
      expect(relativeError).toBeLessThan(1.01 * seen + 1e-12);
    }
    // (1 + x / 2^k)^(2^k) is off by x^2 / 2^(k+1) to first order.
    expect(exponentialPower([-1, 1], 'limit', 10).relativeError * 2 ** 11).toBeCloseTo(1, 2);
  });

  it("EvalMod's cosine: degree 30, 3 double angles, K = 16, within 8 levels, at the precision of the engine's notes", () => {
    const { program, error } = cosineDoubleAngle([[-16.25, 16.25]], 30, 3, 1 / (2 * Math.PI));
    const seen = denseMaximum(
      (x) => evaluateProgram(program, x) - Math.cos(2 * Math.PI * x) / (2 * Math.PI),
      [-16.25, 16.25],
    );
    expect(seen).toBeLessThanOrEqual(error);
    expect(error).toBeLessThan(2 ** -29);
    expect(programCost(program)).toMatchObject({ levels: 8, ciphertextMultiplications: 12 });
  });
});

describe('composite signs', () => {
  const gaps = fc.double({ min: 0.004, max: 0.2, noNaN: true });
  const degrees = fc.array(fc.constantFrom(3, 5, 7, 9, 13, 15, 27), { minLength: 1, maxLength: 3 });

  /** Chains whose early stages are precise to rounding are refused, which another test covers. */
  const chainOrSkip = (gap: number, chain: readonly number[]): CompositeSign => {
    try {
      return compositeSign(gap, chain);
    } catch (error) {
      fc.pre(!(error instanceof OptionError));
      throw error;
    }
  };

  it('stay within their proved error beyond the gap', () => {
    fc.assert(
      fc.property(gaps, degrees, (gap, chain) => {
        const composite = chainOrSkip(gap, chain);
        const program = signProgram('sign', composite, 1);
        const bound = proveSign(composite, gap);
        const seen = denseMaximum((x) => evaluateProgram(program, x) - 1, [gap, 1]);
        expect(seen).toBeLessThanOrEqual(bound + 1e-14);
        expect(bound).toBeLessThan(1.02 * composite.error + 1e-12);
      }),
      { ...propertyRun, numRuns: 30 },
    );
  });

  it('relu, abs and step too, over all of their interval where they are continuous', () => {
    fc.assert(
      fc.property(gaps, degrees, fc.constantFrom<SignKind>('relu', 'abs', 'step'), (gap, chain, kind) => {
        const reach = 5;
        const composite = chainOrSkip(gap, chain);
        const program = signProgram(kind, composite, reach);
        const f = {
          relu: (x: number) => Math.max(0, x),
          abs: Math.abs,
          step: (x: number) => (x > 0 ? 1 : 0),
          sign: Math.sign,
        }[kind];
        const bound = proveSignProgram(kind, composite, gap, reach);
        const error = (x: number) => evaluateProgram(program, x) - f(x);
        const parts: (readonly [number, number])[] =
          kind === 'step'
            ? [
                [-reach, -gap * reach],
                [gap * reach, reach],
              ]
            : [[-reach, reach]];
        for (const part of parts) expect(denseMaximum(error, part)).toBeLessThanOrEqual(bound + 1e-13);
      }),
      { ...propertyRun, numRuns: 20 },
    );
  });

  it('bad control: the bound of another gap is broken', () => {
    const composite = compositeSign(0.1, [7, 7]);
    const program = signProgram('sign', composite, 1);
    expect(denseMaximum((x) => evaluateProgram(program, x) - 1, [0.02, 1])).toBeGreaterThan(proveSign(composite, 0.1));
  });

  it('refuses even degrees, impossible gaps and stages with nothing to do', () => {
    expect(() => compositeSign(0.2, [27, 27, 27])).toThrow(/lower its degree or drop it|drop the stages after it/);
    expect(() => compositeSign(0.1, [4])).toThrow(/odd degrees/);
    expect(() => compositeSign(0, [3])).toThrow(/between 0 and 1/);
  });
});

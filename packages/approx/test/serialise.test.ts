import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, fit, fromJSON, Polynomial, SchemaError, search, toJSON } from '../src/index.ts';
import { propertyRun } from './support.ts';

const single = fit({ fn: 'gelu', interval: [-6, 6], degree: 7 });
const iteration = search({ fn: '1/x', interval: [0.01, 1], maxLevels: 6, error: 'relative', maxDegree: 3 }).best;

const stored = (a = single) => JSON.parse(JSON.stringify(toJSON(a))) as Record<string, unknown>;

describe('stored approximations', () => {
  it('come back the same', () => {
    for (const a of [single, iteration]) {
      const back = fromJSON(stored(a));
      expect(back).toEqual(a);
      expect(evaluate(back, a.domain[0]![0])).toBe(evaluate(a, a.domain[0]![0]));
    }
  });

  it('are refused with the path of what is wrong', () => {
    const broken: [(v: Record<string, unknown>) => void, RegExp][] = [
      [
        (v) => {
          v.format = 'other@9';
        },
        /approximation\.format is "other@9"/,
      ],
      [
        (v) => {
          v.method = 'magic';
        },
        /approximation\.method has to be one of/,
      ],
      [
        (v) => {
          v.domain = [[1, 0]];
        },
        /approximation\.domain: .*reversed/,
      ],
      [
        (v) => {
          (v.program as { steps: unknown[] }).steps = [];
        },
        /steps has to be a list of 1 to/,
      ],
      [
        (v) => {
          (v.program as { steps: unknown[] }).steps = [{ op: 'product', left: 0, right: 1 }];
        },
        /steps\[0\]\.right has to name an earlier value/,
      ],
      [
        (v) => {
          (v.program as { steps: { coefficients: unknown[] }[] }).steps[0]!.coefficients[2] = null;
        },
        /steps\[0\]\.coefficients\[2\] has to be a finite number/,
      ],
      [
        (v) => {
          delete (v.certificate as { error?: unknown }).error;
        },
        /certificate\.error has to be an object/,
      ],
    ];
    for (const [harm, message] of broken) {
      const value = stored();
      harm(value);
      expect(() => fromJSON(value)).toThrow(SchemaError);
      expect(() => fromJSON(value)).toThrow(message);
    }
  });

  it('any JSON is either read or refused by a typed error', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('program', 'certificate', 'domain', 'method', 'function'),
        (value, key) => {
          try {
            fromJSON({ ...stored(), [key]: value });
          } catch (error) {
            expect(error).toBeInstanceOf(SchemaError);
          }
        },
      ),
      { ...propertyRun, numRuns: 200 },
    );
  });
});

describe('Polynomial', () => {
  it('derivative, transform and monomial form agree with differences and exact arithmetic', () => {
    const p = new Polynomial([1, -2, 0.5, 3, -1], [-2, 3]);
    const d = p.derivative();
    for (const x of [-1.7, 0, 1.1, 2.9]) {
      expect(d.evaluate(x)).toBeCloseTo((p.evaluate(x + 1e-6) - p.evaluate(x - 1e-6)) / 2e-6, 6);
      expect(p.transform(2, 1).evaluate(x)).toBeCloseTo(2 * p.evaluate(x) + 1, 12);
      expect(p.toMonomial().coefficients.reduceRight((sum, c) => sum * x + c, 0)).toBeCloseTo(p.evaluate(x), 12);
    }
  });

  it('T_40 in monomials is exact in double-double: whole numbers up to 2^39 * binomials', () => {
    const { coefficients, corrections, condition } = new Polynomial([...new Array<number>(40).fill(0), 1]).toMonomial();
    // By the recurrence in exact integers.
    let before = [1n];
    let now = [0n, 1n];
    for (let n = 2; n <= 40; n++) {
      const next = [0n, ...now.map((c) => 2n * c)];
      before.forEach((c, i) => {
        next[i] = next[i]! - c;
      });
      [before, now] = [now, next];
    }
    now.forEach((c, k) => {
      expect(BigInt(coefficients[k]!) + BigInt(corrections[k]!)).toBe(c);
    });
    expect(condition).toBeGreaterThan(1e14);
  });

  it('stored polynomials are checked', () => {
    const p = new Polynomial([1, 2, 3], [0, 2]);
    expect(Polynomial.fromJSON(JSON.parse(JSON.stringify(p)))).toEqual(p);
    expect(() => Polynomial.fromJSON({ coefficients: [1], interval: [2, 0] })).toThrow(/polynomial\.interval/);
    expect(() => Polynomial.fromJSON({ coefficients: [], interval: [0, 1] }, 'site.p')).toThrow(
      /site\.p\.coefficients/,
    );
  });
});

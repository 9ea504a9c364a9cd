import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expressionTarget, type TargetFunction } from '../../src/index.ts';
import { type DoubleDouble, dd, ddAdd, ddMultiply, ddScale, ddSubtract } from '../../src/numeric/double-double.ts';
import { variableJet } from '../../src/numeric/interval-jet.ts';
import { interval, propertyRun, smoothExpression } from '../support.ts';

type Full = TargetFunction & Required<Pick<TargetFunction, 'precise' | 'jet'>>;

/** f^(k)(x) / k! by central differences in double-double, good to about 1e-8 for k <= 3. */
function taylorCoefficient(f: Full, x: number, k: number): number {
  const h = 2 ** -10;
  const at = (j: number) => f.precise(dd(x + j * h));
  const combine = (weights: readonly number[], first: number, divisor: number): number => {
    let sum: DoubleDouble = dd(0);
    weights.forEach((w, i) => {
      sum = ddAdd(sum, ddMultiply(dd(w), at(first + i)));
    });
    return sum.hi / divisor / h ** k;
  };
  if (k === 0) return f.value(x);
  // Richardson's combination of steps h and 2h takes the h^2 term out.
  if (k === 1) return combine([1, -8, 0, 8, -1], -2, 12);
  if (k === 2) return combine([-1, 16, -30, 16, -1], -2, 12) / 2;
  return combine([1, -8, 13, 0, -13, 8, -1], -3, 8) / 6;
}

describe('interval jets', () => {
  it('enclose the value and the first Taylor coefficients at every point of the box', () => {
    fc.assert(
      fc.property(
        smoothExpression,
        interval,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1e-6, max: 0.2, noNaN: true }),
        (text, [lo, hi], s, width) => {
          const f = expressionTarget(text, text);
          const from = lo + (hi - lo) * s;
          const jet = f.jet(variableJet(4, from, from + width));
          for (const x of [from, from + 0.37 * width, from + width]) {
            for (let k = 0; k <= 3; k++) {
              const value = taylorCoefficient(f, x, k);
              const slack = k === 0 ? 1e-15 : 1e-6 * Math.max(1, Math.abs(value));
              expect(value).toBeGreaterThanOrEqual(jet.lo[k]! - slack);
              expect(value).toBeLessThanOrEqual(jet.hi[k]! + slack);
            }
          }
        },
      ),
      { ...propertyRun, numRuns: 100 },
    );
  });

  it('thin boxes give thin enclosures', () => {
    const f = expressionTarget('exp(sin(x))/(1+x^2)', 'f');
    const jet = f.jet(variableJet(6, 0.4, 0.4));
    for (let k = 0; k <= 6; k++) expect(jet.hi[k]! - jet.lo[k]!).toBeLessThan(1e-11);
  });

  it('across a kink the value and slope are hulls and the rest is unknown', () => {
    const jet = expressionTarget('abs(x)', 'abs').jet(variableJet(3, -0.1, 0.2));
    expect(jet.lo[0]).toBeCloseTo(0, 15);
    expect(jet.hi[0]).toBeCloseTo(0.2, 15);
    expect([jet.lo[1], jet.hi[1]]).toEqual([-1, 1]);
    expect(jet.lo[2]).toBeNaN();
  });
});

describe('double-double functions', () => {
  it('keep 95 bits: f(x + h) - f(x) agrees with the slope times h for a tiny h', () => {
    for (const [text, slope] of [
      ['exp(x)', 'exp(x)'],
      ['log(x)', '1/x'],
      ['sin(x)', 'cos(x)'],
      ['cos(x)', '-sin(x)'],
      ['sqrt(x)', '1/(2*sqrt(x))'],
      ['erf(x)', '2/sqrt(pi)*exp(-x^2)'],
      ['tanh(x)', '1-tanh(x)^2'],
      ['sigmoid(x)', 'sigmoid(x)*(1-sigmoid(x))'],
      ['softplus(x)', 'sigmoid(x)'],
    ] as const) {
      const f = expressionTarget(text, text);
      const derivative = expressionTarget(slope, slope);
      for (const x of [0.3, 1.1, 2.6]) {
        // In doubles alone this difference would be nothing but rounding.
        const h = 2 ** -50;
        const difference = ddSubtract(f.precise({ hi: x, lo: h * x }), f.precise(dd(x)));
        expect(ddScale(difference, 1 / h).hi / x / derivative.value(x)).toBeCloseTo(1, 12);
      }
    }
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proveBound } from '../../src/certificate/proved.ts';
import { sampleBound } from '../../src/certificate/sampled.ts';
import { evaluate, expressionTarget, fit, interpolate, Polynomial } from '../../src/index.ts';
import { denseMaximum, interval, propertyRun, smoothExpression } from '../support.ts';

const degree = fc.integer({ min: 1, max: 24 });

describe('no error is larger than its certificate', () => {
  it('proved bounds: random smooth functions, intervals and degrees, minimax', () => {
    fc.assert(
      fc.property(smoothExpression, interval, degree, (text, where, d) => {
        const a = fit({ fn: text, interval: where, degree: d });
        const f = expressionTarget(text, text);
        const seen = denseMaximum((x) => evaluate(a, x) - f.value(x), where);
        expect(a.certificate.error.method).toBe('proved');
        expect(seen).toBeLessThanOrEqual(a.certificate.error.bound);
        // And the certificate is worth something: within 1 % of what is seen, unless rounding rules.
        expect(a.certificate.error.bound).toBeLessThanOrEqual(Math.max(1.01 * seen, 1e-11));
      }),
      { ...propertyRun, numRuns: 60 },
    );
  });

  it('sampled bounds: the same functions given as black boxes', () => {
    fc.assert(
      fc.property(smoothExpression, interval, degree, (text, where, d) => {
        const f = expressionTarget(text, text);
        const a = fit({ fn: (x) => f.value(x), interval: where, degree: d });
        const seen = denseMaximum((x) => evaluate(a, x) - f.value(x), where);
        expect(a.certificate.error.method).toBe('sampled');
        expect(seen).toBeLessThanOrEqual(a.certificate.error.bound);
      }),
      { ...propertyRun, numRuns: 60 },
    );
  });

  it('kinks: |x - c| with the kink anywhere, as an expression and as a black box', () => {
    fc.assert(
      fc.property(interval, fc.double({ min: 0, max: 1, noNaN: true }), degree, (where, s, d) => {
        const c = (where[0] + (where[1] - where[0]) * s).toFixed(6);
        const f = expressionTarget(`abs(x-(${c}))`, 'kink');
        const p = interpolate({ fn: f, domain: [where], degree: d });
        const error = (x: number) => p.evaluate(x) - f.value(x);
        const seen = denseMaximum(error, where);
        expect(seen).toBeLessThanOrEqual(proveBound(p, f, undefined, [where]).bound);
        expect(seen).toBeLessThanOrEqual(sampleBound(error, [where], 512, 1e-14).bound);
      }),
      { ...propertyRun, numRuns: 40 },
    );
  });

  it('random polynomials far from the function (nothing minimax about them)', () => {
    fc.assert(
      fc.property(
        smoothExpression,
        interval,
        fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 40 }),
        (text, where, coefficients) => {
          const p = new Polynomial(coefficients, where);
          const f = expressionTarget(text, text);
          const { bound } = proveBound(p, f, undefined, [where]);
          const seen = denseMaximum((x) => p.evaluate(x) - f.value(x), where);
          expect(seen).toBeLessThanOrEqual(bound);
          expect(bound).toBeLessThanOrEqual(1.01 * seen + 1e-11);
        },
      ),
      { ...propertyRun, numRuns: 60 },
    );
  });

  it('weights: relative errors of functions that stay away from 0', () => {
    fc.assert(
      fc.property(smoothExpression, interval, degree, (text, where, d) => {
        const positive = `1.5+tanh(${text})`;
        const a = fit({ fn: positive, interval: where, degree: d, error: 'relative' });
        const f = expressionTarget(positive, positive);
        const seen = denseMaximum((x) => (evaluate(a, x) - f.value(x)) / f.value(x), where);
        expect(seen).toBeLessThanOrEqual(a.certificate.error.bound);
      }),
      { ...propertyRun, numRuns: 30 },
    );
  });
});

describe('bad controls: the tests above can fail', () => {
  it('a narrow spike between 33 samples escapes them and not the proof', () => {
    const spike = expressionTarget('exp(-(4000*(x-0.3333))^2)', 'spike');
    const p = new Polynomial([0]);
    const sampled = Math.max(...Array.from({ length: 33 }, (_, i) => Math.abs(spike.value(-1 + i / 16))));
    expect(sampled).toBeLessThan(1e-3);
    expect(proveBound(p, spike, undefined, [[-1, 1]]).bound).toBeGreaterThan(0.999);
  });

  it('a certificate of the largest sample alone is caught by dense sampling', () => {
    const f = expressionTarget('sin(9*x)', 'f');
    const p = interpolate({ fn: f, domain: [[-1, 1]], degree: 9 });
    const error = (x: number) => p.evaluate(x) - f.value(x);
    const careless = Math.max(...Array.from({ length: 12 }, (_, i) => Math.abs(error(-1 + (2 * i) / 11))));
    expect(denseMaximum(error, [-1, 1])).toBeGreaterThan(careless);
  });
});

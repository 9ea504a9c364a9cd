import { describe, expect, it } from 'vitest';
import {
  ApproxError,
  catalogue,
  DegreeError,
  densityFromHistogram,
  densityFromSamples,
  ExpressionError,
  evaluate,
  type FitOptions,
  FunctionValueError,
  fit,
  IntervalError,
  OptionError,
  parseDensity,
  parseTable,
  TableError,
  tableFunction,
  toTarget,
} from '../../src/index.ts';
import { denseMaximum } from '../support.ts';

describe('every function of the catalogue', () => {
  const where: Record<string, FitOptions['interval']> = {
    sign: [
      [-1, -0.1],
      [0.1, 1],
    ],
    step: [
      [-1, -0.1],
      [0.1, 1],
    ],
    reciprocal: [0.1, 2],
    rsqrt: [0.1, 2],
    sqrt: [0.1, 2],
    cosine: [-1, 1],
  };
  for (const { name } of catalogue) {
    it(`${name}: fitted, proved, and no denser sample is worse`, () => {
      const interval = where[name] ?? [-4, 4];
      const a = fit({ fn: name, interval, degree: 15 });
      expect(a.certificate.error.method).toBe('proved');
      for (const part of a.domain) {
        const seen = denseMaximum((x) => evaluate(a, x) - toTarget(name).value(x), part);
        expect(seen).toBeLessThanOrEqual(a.certificate.error.bound);
      }
      expect(a.certificate.error.bound).toBeLessThan(1.01 * a.certificate.optimum!);
    });
  }
});

describe('methods', () => {
  const options = { fn: 'tanh(2*x)', interval: [-2, 3] as const, degree: 12 };

  it('minimax <= interpolation and truncation <= their known factors', () => {
    const error = (method: NonNullable<FitOptions['method']>) => fit({ ...options, method }).certificate.error.measured;
    const best = error('minimax');
    expect(error('interpolation')).toBeGreaterThan(best);
    expect(error('truncation')).toBeGreaterThan(best);
    // Lebesgue constants: 2 + (2/pi) log(13) and 4 + (4/pi^2) log(12) (Trefethen 2019, theorems 15.2 and 15.3).
    expect(error('interpolation')).toBeLessThan((2 + (2 / Math.PI) * Math.log(13)) * best);
    expect(error('truncation')).toBeLessThan((4 + (4 / Math.PI ** 2) * Math.log(12)) * best);
  });

  it('least squares beats minimax where the inputs are, and only there', () => {
    const samples = Array.from({ length: 4000 }, (_, i) => 2.2 * Math.sin(i) * Math.cos(1.7 * i) ** 2);
    const density = densityFromSamples(samples);
    const base = { fn: 'gelu', interval: [-8, 8] as const, degree: 8, density };
    const ours = fit(base).certificate;
    const minimax = fit({ ...base, method: 'minimax' }).certificate;
    expect(ours.density!.rms).toBeLessThan(minimax.density!.rms / 3);
    expect(ours.error.bound).toBeGreaterThan(minimax.error.bound);
    // The stated mean error is that of the samples, up to the width of the bins.
    const a = fit(base);
    const rms = Math.sqrt(
      samples.reduce((sum, x) => sum + (evaluate(a, x) - toTarget('gelu').value(x)) ** 2, 0) / samples.length,
    );
    expect(ours.density!.rms / rms).toBeCloseTo(1, 1);
  });

  it('observed inputs are read as samples, or as the middles of equal bins', () => {
    const samples = parseDensity('# seen\n1e-3\n\n-1\n 1\n', 'd.csv');
    expect(samples).toEqual(densityFromSamples([1e-3, -1, 1]));
    expect(parseDensity('-1, 3\n0, 10\n1, 3\n', 'd.csv')).toEqual(densityFromHistogram([-1.5, -0.5, 0.5, 1.5], [3, 10, 3])); // biome-ignore format: short
  });

  it('least squares keeps constraints and symmetry', () => {
    const density = densityFromHistogram([-3, -1, 0, 1, 3], [1, 4, 4, 1]);
    const a = fit({ fn: 'gelu', interval: [-4, 4], degree: 10, density, constraints: [{ x: 0, value: 0 }] });
    expect(Math.abs(evaluate(a, 0))).toBeLessThan(1e-14);
    expect(a.polynomial!.coefficients[3]).toBe(0);
  });

  it('a table is fitted as its own interpolant, proved', () => {
    const xs = Array.from({ length: 21 }, (_, i) => -2 + i / 5);
    const table = tableFunction(xs, xs.map(Math.atan), 'atan table');
    const a = fit({ fn: table, interval: [-2, 2], degree: 11 });
    expect(a.certificate.error.method).toBe('proved');
    expect(denseMaximum((x) => evaluate(a, x) - table.value(x), [-2, 2])).toBeLessThanOrEqual(
      a.certificate.error.bound,
    );
    expect(denseMaximum((x) => evaluate(a, x) - Math.atan(x), [-2, 2])).toBeLessThan(0.01);
  });

  it('below the resolution of doubles it returns the interpolant and says so', () => {
    const a = fit({ fn: 'exp', interval: [-1, 1], degree: 25 });
    expect(a.method).toBe('interpolation');
    expect(a.certificate.notes.join()).toContain('lower degree');
    expect(a.certificate.error.bound).toBeLessThan(1e-13);
  });
});

describe('certificates say more than the error', () => {
  const a = fit({ fn: 'gelu', interval: [-6, 6], degree: 15 });

  it('growth: the value at the stated points is what it says', () => {
    const size = denseMaximum((x) => evaluate(a, x), [-6, 6]);
    const { left, right } = a.certificate.growth;
    expect(Math.abs(evaluate(a, right.doublesAt!)) / size).toBeCloseTo(2, 3);
    expect(Math.abs(evaluate(a, left.explodesAt!)) / size).toBeCloseTo(1000, 0);
    expect(right.doublesAt!).toBeGreaterThan(6);
    expect(left.explodesAt!).toBeLessThan(left.doublesAt!);
  });

  it('rounding of constants: rounded coefficients change no value by more', () => {
    for (const { scaleBits, change } of a.certificate.rounding) {
      const scale = 2 ** scaleBits;
      const rounded = a.polynomial!.coefficients.map((c) => Math.round(c * scale) / scale);
      const p = new (a.polynomial!.constructor as typeof import('../../src/index.ts').Polynomial)(rounded, [-6, 6]);
      const seen = denseMaximum((x) => p.evaluate(x) - evaluate(a, x), [-6, 6]);
      expect(seen).toBeLessThanOrEqual(change + 1e-14);
      expect(change).toBeLessThan(9 * 2 ** -scaleBits);
    }
  });

  it('conditioning is near 1 for a single interval', () => {
    expect(a.certificate.conditioning).toBeLessThan(2);
  });
});

describe('bad input is a typed error that names what, where and the remedy', () => {
  const bad: [string, Partial<FitOptions>, abstract new (...args: never[]) => ApproxError, RegExp][] = [
    ['reversed', { interval: [1, -1] }, IntervalError, /reversed: give it as \[-1, 1\]/],
    ['a point', { interval: [1, 1] }, IntervalError, /single point/],
    ['infinite', { interval: [0, Number.POSITIVE_INFINITY] }, IntervalError, /two finite ends/],
    [
      'overlapping',
      {
        interval: [
          [0, 2],
          [1, 3],
        ],
      },
      IntervalError,
      /overlap: merge/,
    ],
    ['none', { interval: [] }, IntervalError, /no interval/],
    ['a pole inside', { fn: '1/x' }, FunctionValueError, /pole at x = 0, inside \[-1, 1\]: leave it out/],
    ['a pole of an expression', { fn: '1/(x-0.3)' }, ApproxError, /x = 0\.3|near x = 0\.3/],
    ['a square root of less than 0', { fn: 'sqrt' }, FunctionValueError, /returned NaN at x = -1/],
    [
      'NaN from user code',
      { fn: (x: number) => (x > 0.5 ? Number.NaN : x) },
      FunctionValueError,
      /returned NaN at x = 0\.5/,
    ],
    ['an unknown name', { fn: 'gelo' }, ExpressionError, /no function named "gelo"; known are exp/],
    ['an unreadable expression', { fn: 'exp(x' }, ExpressionError, /"\)" was expected/],
    ['a strange character', { fn: 'x $ 2' }, ExpressionError, /cannot be read at "\$ 2"/],
    ['half a degree', { degree: 2.5 }, DegreeError, /whole number/],
    ['a huge degree', { degree: 5000 }, DegreeError, /beyond what doubles carry \(at most 1023\)/],
    [
      'more constraints than freedom',
      { degree: 1, constraints: [{ x: 0 }, { x: 1 }, { x: -1 }] },
      DegreeError,
      /too low for 3/,
    ],
    ['a constraint outside', { constraints: [{ x: 4 }] }, OptionError, /outside/],
    ['a jump inside', { fn: 'sign' }, OptionError, /jumps by 2 at x = 0/],
    ['a relative error at a zero', { fn: 'tanh', error: 'relative' }, OptionError, /changes sign near/],
    ['a negative weight', { weight: 'x' }, OptionError, /weights may not be negative/],
    ['weight and relative', { weight: '1+x^2', error: 'relative' }, OptionError, /either a weight or/],
    ['parity of an even function', { parity: 'odd', fn: 'x^2' }, OptionError, /is not odd/],
    ['parity off centre', { parity: 'even', fn: 'x^2', interval: [0, 1] }, OptionError, /symmetric about 0/],
    [
      'a density elsewhere',
      { density: { edges: [5, 6], masses: [1] } },
      TableError,
      /no mass in \[-1, 1\] \(100 % lies outside\)/,
    ],
  ];
  for (const [name, options, type, message] of bad) {
    it(name, () => {
      const run = () => fit({ fn: 'exp', interval: [-1, 1], degree: 5, ...options });
      expect(run).toThrow(type);
      expect(run).toThrow(message);
    });
  }

  it('tables and densities', () => {
    expect(() => parseTable('1,2\n3;x\n', 'w.csv')).toThrow(/w\.csv, line 2: "3;x" is not two numbers/);
    expect(() => parseTable('# nothing\n', 'w.csv')).toThrow(TableError);
    expect(parseTable('x,weight\n0, 1\n1\t2\n', 'w.csv')).toEqual({ xs: [0, 1], ys: [1, 2] });
    expect(() => tableFunction([0, 2, 1], [1, 1, 1])).toThrow(/x = 1 at point 3 does not rise above 2/);
    expect(() => tableFunction([0], [1])).toThrow(/at least 2/);
    expect(() => densityFromHistogram([0, 1], [1, 2])).toThrow(/needs 3 edges/);
    expect(() => densityFromHistogram([0, 1, 2], [1, -2])).toThrow(/bin 1 has mass -2/);
    expect(() => densityFromSamples([0, Number.NaN])).toThrow(/sample 1 of the density is NaN/);
    expect(() => parseDensity('0 3\n', 'd.csv')).toThrow(/d\.csv holds one bin only/);
    expect(() => parseDensity('0.5\nmany\n', 'd.csv')).toThrow(/sample 1 of the density is NaN/);
  });
});

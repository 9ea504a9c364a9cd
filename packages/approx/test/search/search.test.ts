import { describe, expect, it } from 'vitest';
import { evaluate, OptionError, SearchError, type SearchOptions, search, toTarget } from '../../src/index.ts';
import { denseMaximum } from '../support.ts';

const cases: [string, SearchOptions, number][] = [
  ['GELU', { fn: 'gelu', interval: [-6, 6], maxError: 6e-3 }, 4],
  ['1/sqrt over 16, relative', { fn: 'rsqrt', interval: [1 / 16, 1], maxError: 1e-4, error: 'relative' }, 4],
  ['1/x over 1000, relative', { fn: '1/x', interval: [1e-3, 1], maxError: 1e-3, error: 'relative', maxDegree: 63 }, 10],
  ['exp on [-20, 0]', { fn: 'exp', interval: [-20, 0], maxError: 1e-4, maxDegree: 31 }, 4],
  ['sqrt', { fn: 'sqrt', interval: [0.01, 1], maxError: 1e-3, maxDegree: 31 }, 5],
  [
    'sign with a gap of 1/50',
    {
      fn: 'sign',
      interval: [
        [-1, -0.02],
        [0.02, 1],
      ],
      maxError: 1e-2,
      maxDegree: 63,
    },
    9,
  ],
  ['ReLU', { fn: 'relu', interval: [-1, 1], maxError: 2 ** -8, maxDegree: 31 }, 9],
];

describe('search', () => {
  for (const [name, options, levels] of cases) {
    it(`${name}: meets its error in at most ${levels} levels, and the certificate holds`, () => {
      const { best, front } = search(options);
      expect(best.certificate.error.bound).toBeLessThanOrEqual(options.maxError!);
      expect(best.cost.levels).toBeLessThanOrEqual(levels);
      const fn = toTarget(options.fn);
      for (const a of front) {
        const error = (x: number) =>
          (evaluate(a, x) - fn.value(x)) / (options.error === 'relative' ? Math.abs(fn.value(x)) : 1);
        for (const part of a.domain) expect(denseMaximum(error, part)).toBeLessThanOrEqual(a.certificate.error.bound);
      }
    });
  }

  it('1/sqrt on [1e-3, 300] at relative error 1e-3: an iteration, for no single polynomial reaches it', () => {
    const { best } = search({ fn: 'rsqrt', interval: [1e-3, 300], maxError: 1e-3, error: 'relative', maxDegree: 127 });
    expect(best.method).toBe('iteration');
    expect(best.certificate.error).toMatchObject({ method: 'proved' });
    expect(best.cost.levels).toBeLessThanOrEqual(13);
  });

  it('the front is a front: rising levels, and more levels buy error or products', () => {
    const { front } = search({ fn: 'silu', interval: [-8, 8], maxLevels: 5 });
    for (const [i, a] of front.entries()) {
      for (const b of front.slice(i + 1)) {
        expect(b.cost.levels).toBeGreaterThanOrEqual(a.cost.levels);
        const better =
          b.certificate.error.bound < a.certificate.error.bound ||
          b.cost.ciphertextMultiplications < a.cost.ciphertextMultiplications;
        expect(better).toBe(true);
      }
    }
  });

  it('levels alone: the most precise within them', () => {
    const { best } = search({ fn: 'gelu', interval: [-8, 8], maxLevels: 4 });
    expect(best.cost.levels).toBe(4);
    expect(best.description).toBe('degree 14');
  });

  it('a density is searched by its mean error', () => {
    const density = { edges: [-3, -1, 0, 1, 3], masses: [1, 5, 5, 1] };
    const { best } = search({ fn: 'gelu', interval: [-8, 8], maxError: 2e-3, density });
    expect(best.method).toBe('least-squares');
    expect(best.certificate.density!.rms).toBeLessThanOrEqual(2e-3);
  });

  it('says how near it came when nothing is good enough', () => {
    const run = () => search({ fn: 'gelu', interval: [-8, 8], maxError: 1e-9, maxLevels: 4 });
    expect(run).toThrow(SearchError);
    expect(run).toThrow(/within 4 levels .* the nearest is degree 14 with 1\.94e-2 at 4 levels/);
    expect(() => search({ fn: 'gelu', interval: [-8, 8] })).toThrow(OptionError);
    expect(() => search({ fn: 'gelu', interval: [-8, 8], maxError: -1 })).toThrow(/positive/);
    expect(() => search({ fn: 'gelu', interval: [-8, 8], maxLevels: 1.5 })).toThrow(/whole number/);
  });
});

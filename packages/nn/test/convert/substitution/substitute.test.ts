import { Polynomial } from '@cipherformer/approx';
import { describe, expect, it } from 'vitest';
import { parseConversion, type SubstituteOptions } from '../../../src/convert/recipe.ts';
import { chooseDegrees, type Score } from '../../../src/convert/substitution/degrees.ts';
import {
  fitSite,
  polynomialLevels,
  polynomialsOf,
  siteInterval,
  substitute,
  widenIntervals,
} from '../../../src/convert/substitution/substitute.ts';
import { SiteRangeError } from '../../../src/errors.ts';
import type { SiteRange } from '../../../src/evaluate/ranges.ts';
import { vitConfig } from '../../../src/transformer/presets.ts';
import { initialWeights } from '../../../src/transformer/weights.ts';

const config = vitConfig({
  image: { channels: 1, height: 8, width: 8 },
  patch: 4,
  width: 8,
  layers: 2,
  heads: 2,
  mlpWidth: 16,
  classes: 3,
  pool: 'mean',
});

const options: SubstituteOptions = {
  kind: 'substitute',
  order: 'all',
  attention: [2],
  mlp: [2, 7, 15],
  head: [3],
  margin: 1.2,
  spare: 0,
  interval: 'symmetric',
  fit: 'density',
  widest: 64,
  trainable: false,
  tolerance: 0.01,
};

/** GELU written apart from the package: erf by its series. */
function gelu(x: number): number {
  const t = x / Math.SQRT2;
  let sum = 0;
  let term = t;
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1);
    term *= (-t * t) / (n + 1);
  }
  return (x / 2) * (1 + (2 / Math.sqrt(Math.PI)) * sum);
}

/** A site with a normal density of deviation 1.5, seen on [-4, 4]. */
const range = (name = 'layers.0.mlp.activation', reach = 4): SiteRange => {
  const counts = Array.from({ length: 64 }, (_, i) => Math.exp(-((((i + 0.5) / 32 - 1) * reach) ** 2) / 4.5));
  return {
    name,
    kind: 'mlp-activation',
    count: 1000,
    min: -reach,
    max: reach,
    mean: 0,
    deviation: 1.5,
    quantiles: { low4: -reach, low2: -3, median: 0, high2: 3, high4: reach },
    histogram: { low: -reach, high: reach, counts },
    exampleMax: new Float32Array(4000).fill(reach),
    exampleMin: new Float32Array(4000).fill(-reach),
  };
};

describe('substitution', () => {
  for (const fit of ['density', 'minimax'] as const) {
    it(`${fit}: the polynomial is within its stated error, and that is small at degree 15`, () => {
      const interval = siteInterval(range(), options);
      const made = fitSite(config, range(), 15, interval, { fit });
      const evaluate = (x: number) => {
        const t = x / interval[1];
        return made.coefficients.reduce((sum, c, k) => sum + c * Math.cos(k * Math.acos(t)), 0);
      };
      let largest = 0;
      for (let i = 0; i <= 400; i++) {
        const x = interval[0] + ((interval[1] - interval[0]) * i) / 400;
        largest = Math.max(largest, Math.abs(evaluate(x) - gelu(x)));
      }
      expect(largest).toBeLessThanOrEqual(made.largestError * 1.01);
      expect(made.largestError).toBeLessThan(fit === 'minimax' ? 0.01 : 0.1);
      expect(made.meanError).toBeLessThan(made.largestError);
    });
  }

  it('weighting by the density pays where the inputs are', () => {
    const interval = siteInterval(range(), options);
    const weighted = fitSite(config, range(), 2, interval, { fit: 'density' });
    const minimax = fitSite(config, range(), 2, interval, { fit: 'minimax' });
    expect(weighted.meanError).toBeLessThan(minimax.meanError);
    expect(weighted.largestError).toBeGreaterThan(minimax.largestError);
  });

  it('counts levels: a parabola one, degree 3 two, 7 three, 15 four', () => {
    expect([2, 3, 7, 15].map((n) => polynomialLevels(Array.from({ length: n + 1 }, () => 0.3)))).toEqual([1, 2, 3, 4]);
  });

  it('refuses a site that is too wide, by name and with what to do', () => {
    expect(() => siteInterval(range('layers.1.mlp.activation', 90), options)).toThrow(SiteRangeError);
    expect(() => siteInterval(range('layers.1.mlp.activation', 90), options)).toThrow(
      /layers\.1\.mlp\.activation.*range minimisation/s,
    );
    const [low, high] = siteInterval(range(), options);
    const barely = { ...options, widest: (high - low) / 2 - 0.001 };
    expect(() => siteInterval(range(), barely)).toThrow(/half-width (?<needed>[\d.]+), beyond (?!\k<needed>:)/);
  });

  it('puts coefficients where the model reads them', () => {
    const model = { config, weights: initialWeights(config, 1) };
    const made = fitSite(config, range(), 7, siteInterval(range(), options), options);
    const result = substitute(model, [made], { trainable: true, clamp: true });
    const stored = result.weights.get('layers.0.mlp.activation.coefficients')!;
    expect([...stored.data]).toEqual([...Float32Array.from(made.coefficients)]);
    expect(result.config.overrides['layers.0.mlp.activation']).toMatchObject({ kind: 'polynomial', clamp: true });
  });
});

describe('the finished model', () => {
  it('computes the same polynomial on an interval that holds what was seen', () => {
    const model = { config, weights: initialWeights(config, 1) };
    const name = 'layers.0.mlp.activation';
    const made = fitSite(config, range(name), 7, siteInterval(range(name), options), options);
    const trained = substitute(model, [made], { trainable: true, clamp: true });
    const after = widenIntervals(trained, [range(name, 6)], 1.5);
    const part = polynomialsOf(after).get(name)!;
    expect(part).toMatchObject({ low: -9, high: 9, clamp: false, trainable: false });
    const old = new Polynomial([...trained.weights.get(`${name}.coefficients`)!.data], made.interval);
    const now = new Polynomial(part.coefficients, [part.low, part.high]);
    for (const x of [-9, -4, 0, 1.5, 8]) expect(now.evaluate(x)).toBeCloseTo(old.evaluate(x), 2);
    // However far the values go, an interval at most doubles.
    expect(widenIntervals(trained, [range(name, Number.POSITIVE_INFINITY)], 1.5).config.overrides[name]).toMatchObject({
      low: -9.6,
      high: 9.6,
    });
    const outliers = range(name, 1);
    outliers.exampleMax.fill(1000, 0, 2);
    expect(widenIntervals(trained, [outliers], 1.5).config.overrides[name]).toMatchObject({ low: -4.8, high: 4.8 });
  });
});

describe('the search for degrees', () => {
  const model = { config, weights: initialWeights(config, 1) };
  const sites = [range('layers.0.mlp.activation'), range('layers.1.mlp.activation')];
  /** A loss in which only the first site needs precision: coefficients beyond degree 2 matter there alone. */
  const score: Score = async (candidate) => {
    const data = candidate.weights.get('layers.0.mlp.activation.coefficients')!.data;
    return data.slice(3).some((c) => c !== 0) ? 0 : 1;
  };

  it('saves levels where they do not matter and keeps them where they do', async () => {
    const { polynomials, front } = await chooseDegrees(model, sites, options, score);
    expect(polynomials.map(({ coefficients }) => coefficients.length - 1)).toEqual([7, 2]);
    expect(front.map(({ levels, loss }) => [levels, loss])).toEqual([
      [4, 0],
      [2, 1],
    ]);
  });

  it('does not score when there is nothing to choose', async () => {
    const fixed = { ...options, mlp: [2] };
    const never = async () => {
      throw new Error('scored');
    };
    expect((await chooseDegrees(model, sites, fixed, never)).polynomials).toHaveLength(2);
  });
});

describe('a conversion recipe', () => {
  it('names what is wrong', () => {
    expect(() => parseConversion({ name: 'x', stages: [] }, 'r.json')).toThrow(/r\.json.*batch/s);
  });
});

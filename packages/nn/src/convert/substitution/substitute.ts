import {
  densityFromHistogram,
  type FunctionInput,
  fit,
  type Interval,
  interpolate,
  leastSquares,
  Polynomial,
  programCost,
  toDomain,
  toTarget,
} from '@cipherformer/approx';
import { apart, decimals } from '@cipherformer/base';
import { SiteRangeError, UnsupportedPartError } from '../../errors.ts';
import type { SiteExtremes } from '../../evaluate/extremes.ts';
import type { SiteRange } from '../../evaluate/ranges.ts';
import { asParabola } from '../../lower/parabola.ts';
import type { ActivationConfig, ModelConfig, PolynomialConfig } from '../../transformer/config.ts';
import type { SubstituteOptions } from '../recipe.ts';
import { type Converted, carryOver } from './architecture.ts';

/** What stands at one site in place of its function. */
export interface SitePolynomial {
  readonly site: string;
  readonly interval: Interval;
  /** Chebyshev coefficients on the interval, constant term first. */
  readonly coefficients: readonly number[];
  readonly levels: number;
  /** Largest |p - f| on the interval. */
  readonly largestError: number;
  /** Root of the mean of (p - f)^2 over the inputs observed. */
  readonly meanError: number;
}

const functions: Readonly<Record<Exclude<ActivationConfig, PolynomialConfig | 'identity'>, FunctionInput>> = {
  gelu: 'gelu',
  gelu_tanh: 'gelu-tanh',
  quick_gelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  relu: 'relu',
  silu: 'silu',
  tanh: 'tanh',
  exp: 'exp',
};

/** What is computed at an activation site. */
export function activationAt(config: ModelConfig, site: string): ActivationConfig {
  const override = config.overrides[site];
  if (override !== undefined) return override;
  if (site.endsWith('.attention.activation')) return config.attention.activation;
  if (site.endsWith('.mlp.activation')) return config.mlp.activation;
  if (config.head.hidden) return config.head.hidden.activation;
  throw new UnsupportedPartError(site, 'the model has no activation of this name.');
}

/** What an activation site computes, as a function of a number. */
export function functionAt(config: ModelConfig, site: string): (x: number) => number {
  const activation = activationAt(config, site);
  if (activation === 'identity') return (x) => x;
  if (typeof activation === 'string') return toTarget(functions[activation]).value;
  const { low, high, coefficients } = activation;
  const polynomial = new Polynomial(coefficients, [low, high]);
  return (x) => polynomial.evaluate(x);
}

/** Sites that become polynomials: the inputs of activations. */
export const isActivation = ({ kind }: Pick<SiteRange, 'kind'>): boolean =>
  kind === 'attention-activation' || kind === 'mlp-activation' || kind === 'head-activation';

/** Levels of a polynomial under encryption, as lowering evaluates it (a parabola takes one). */
export function polynomialLevels(coefficients: readonly number[]): number {
  const { coefficients: trimmed, interval } = new Polynomial(coefficients);
  const program = { interval, steps: [{ op: 'polynomial', value: 0, coefficients: trimmed }] } as const;
  return programCost(asParabola(program)?.program ?? program).levels;
}

/** The interval of a site: the values seen, widened by the margin. @throws SiteRangeError when it is too wide */
export function siteInterval(range: SiteRange, options: SubstituteOptions): Interval {
  const { margin } = options;
  const reach = Math.max(Math.abs(range.min), Math.abs(range.max), 1e-3) * margin;
  const centre = (range.min + range.max) / 2;
  const half = Math.max((range.max - range.min) / 2, 1e-3) * margin;
  const interval: Interval = options.interval === 'symmetric' ? [-reach, reach] : [centre - half, centre + half];
  const halfWidth = (interval[1] - interval[0]) / 2;
  if (halfWidth > options.widest) {
    const [needed, widest] = apart(halfWidth, options.widest, decimals, 1);
    throw new SiteRangeError(
      range.name,
      `values from ${range.min.toFixed(1)} to ${range.max.toFixed(1)} need an interval of half-width ` +
        `${needed}, beyond ${widest}: range minimisation fell short. ` +
        'Raise losses.range or its stage\'s epochs, lower limits for this site, or raise "widest".',
    );
  }
  return interval;
}

/** The polynomial of one degree for a site, fitted to the inputs that were seen. */
export function fitSite(
  config: ModelConfig,
  range: SiteRange,
  degree: number,
  interval: Interval,
  options: Pick<SubstituteOptions, 'fit'>,
): SitePolynomial {
  const activation = activationAt(config, range.name);
  if (typeof activation !== 'string' || activation === 'identity') {
    throw new UnsupportedPartError(range.name, 'it is a polynomial already: substitute only once.');
  }
  const fn = toTarget(functions[activation]);
  const { edges, masses } = histogramOf(range);
  // With so few coefficients an odd term helps lopsided inputs more than it costs; above, x/2 + even terms save products.
  const parity = degree <= 3 ? 'none' : 'auto';
  const polynomial =
    options.fit === 'minimax'
      ? fit({ fn, interval, degree, method: 'minimax' }).polynomial!
      : leastSquares({ fn, domain: toDomain(interval), degree, parity }, densityFromHistogram(edges, masses));
  const error = (x: number) => polynomial.evaluate(x) - fn.value(x);
  const [low, high] = interval;
  const samples = Array.from({ length: 1001 }, (_, i) => low + ((high - low) * i) / 1000);
  const total = masses.reduce((a, b) => a + b, 0);
  const squares = masses.reduce((sum, mass, i) => sum + mass * error((edges[i]! + edges[i + 1]!) / 2) ** 2, 0);
  const coefficients = Array.from({ length: degree + 1 }, (_, i) => polynomial.coefficients[i] ?? 0);
  return {
    site: range.name,
    interval,
    coefficients,
    levels: polynomialLevels(coefficients),
    largestError: Math.max(...samples.map((x) => Math.abs(error(x)))),
    meanError: Math.sqrt(squares / total),
  };
}

function histogramOf(range: SiteRange): { edges: number[]; masses: readonly number[] } {
  const { low, high, counts } = range.histogram;
  const end = high > low ? high : low + 1e-6;
  return {
    edges: Array.from({ length: counts.length + 1 }, (_, i) => low + ((end - low) * i) / counts.length),
    masses: counts,
  };
}

/** Puts polynomials at their sites. In training the argument is clamped to the interval; results are never. */
export function substitute(
  from: Converted,
  polynomials: readonly SitePolynomial[],
  options: { readonly trainable: boolean; readonly clamp: boolean },
): Converted {
  const overrides = { ...from.config.overrides };
  for (const { site, interval, coefficients } of polynomials) {
    overrides[site] = {
      kind: 'polynomial',
      low: interval[0],
      high: interval[1],
      coefficients: [...coefficients],
      ...options,
    };
  }
  const config: ModelConfig = { ...from.config, overrides };
  const weights = carryOver(config, from.weights);
  for (const { site, coefficients } of polynomials) {
    weights.set(`${site}.coefficients`, { shape: [coefficients.length], data: Float32Array.from(coefficients) });
  }
  return { config, weights };
}

/** The polynomials in force, with the coefficients as they are stored now. */
export function polynomialsOf(model: Converted): ReadonlyMap<string, PolynomialConfig> {
  return new Map(
    Object.entries(model.config.overrides).flatMap(([site, part]) => {
      if (typeof part === 'string') return [];
      const stored = model.weights.get(`${site}.coefficients`);
      return [[site, stored ? { ...part, coefficients: [...stored.data] } : part]];
    }),
  );
}

/** Whether an example (of the extremes) stays inside the interval of the polynomial, if there is one. */
export const staysInside = (
  part: Pick<PolynomialConfig, 'low' | 'high'> | undefined,
  { exampleMin, exampleMax }: SiteExtremes,
  example: number,
): boolean => !part || (exampleMin[example]! >= part.low && exampleMax[example]! <= part.high);

/** The same model with its polynomials' arguments clamped (a safety net while training) or not (what is reported). */
export function withClamp(model: Converted, clamp: boolean): Converted {
  const overrides = Object.fromEntries(
    Object.entries(model.config.overrides).map(([site, part]) => [
      site,
      typeof part === 'string' ? part : { ...part, clamp },
    ]),
  );
  return { config: { ...model.config, overrides }, weights: model.weights };
}

/**
 * The finished model: nothing clamped, the trained coefficients in the configuration, and each interval wide enough for
 * what its site sees now (`seen`, but for outliers) times `margin`. The polynomial stays the same function, restated on the
 * wider interval.
 */
export function widenIntervals(model: Converted, seen: readonly SiteExtremes[], margin: number): Converted {
  const overrides = { ...model.config.overrides };
  const weights = new Map(model.weights);
  for (const [site, part] of polynomialsOf(model)) {
    const [low, high] = usualExtent(seen.find(({ name }) => name === site)!);
    const added = ((margin - 1) * (high - low)) / 2;
    // Where more than a few examples explode, they stay outside: an interval for them would serve nobody else.
    const spare = (widestGrowth - 1) * ((part.high - part.low) / 2);
    const interval: Interval = [
      Math.max(part.low - spare, Math.min(part.low, low - added)),
      Math.min(part.high + spare, Math.max(part.high, high + added)),
    ];
    const coefficients = restate(part, interval);
    overrides[site] = {
      ...part,
      low: interval[0],
      high: interval[1],
      coefficients,
      clamp: false,
      trainable: false,
    };
    weights.set(`${site}.coefficients`, { shape: [coefficients.length], data: Float32Array.from(coefficients) });
  }
  return { config: { ...model.config, overrides }, weights };
}

/** How much wider than in training an interval may become. */
const widestGrowth = 2;

/** One example in so many may exceed the extent of a site: a rare outlier would stretch the interval for all others. */
const outlierShare = 1 / 2000;

/** The extent of all but the most extreme examples. */
function usualExtent({ exampleMin, exampleMax }: SiteExtremes): Interval {
  const spared = Math.floor(exampleMax.length * outlierShare);
  const high = Float32Array.from(exampleMax)
    .sort()
    .at(-1 - spared)!;
  return [Float32Array.from(exampleMin).sort()[spared]!, high];
}

/** Chebyshev coefficients of the same polynomial on another interval: it is its own interpolant. */
function restate({ low, high, coefficients }: PolynomialConfig, interval: Interval): number[] {
  const given = new Polynomial(coefficients, [low, high]);
  const degree = coefficients.length - 1;
  const same = interpolate({
    fn: toTarget((x) => given.evaluate(x)),
    domain: toDomain(interval),
    degree,
    parity: 'none',
  });
  return Array.from({ length: degree + 1 }, (_, i) => same.coefficients[i] ?? 0);
}

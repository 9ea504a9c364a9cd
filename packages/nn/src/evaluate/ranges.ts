import { elementCount, type Weights } from '@cipherformer/model';
import type { Split } from '../data/splits.ts';
import type { Tensor } from '../onnx/program.ts';
import { add } from '../ops/index.ts';
import type { Site } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { counts, type ExtremeOptions, largestFirst, overSites, recordExtremes, type SiteExtremes } from './extremes.ts';

/** What one site saw. Values that padding or a mask hides are left out. */
export interface SiteRange extends SiteExtremes {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** The 1e-4, 1e-2, 1/2, 1 - 1e-2 and 1 - 1e-4 quantiles, within 0.4 % of their size whatever the extremes are. */
  readonly quantiles: Readonly<Record<'low4' | 'low2' | 'median' | 'high2' | 'high4', number>>;
  readonly histogram: { readonly low: number; readonly high: number; readonly counts: readonly number[] };
}

/** Bins of the histograms returned. */
const bins = 64;

/**
 * Quantiles come from counts by sign, exponent and the first seven bits of the mantissa: one example whose values are
 * 1e30 takes nothing from how finely the others are told apart.
 */
const keyBits = 16;
const mantissaBits = 7;

export interface RangeOptions extends ExtremeOptions {
  /**
   * Share of the examples to leave out: those whose values are the most unlike what is usual at any site. Their
   * extremes are still reported as exampleMin and exampleMax.
   */
  readonly spare?: number;
}

/**
 * Runs a model over (the first `limit` examples or windows of) a set and records the values at every site. Two passes:
 * extremes, then histograms of what lies between them. Where extremes are enough, `recordExtremes` takes a fraction of the time.
 */
export async function recordRanges(
  config: ModelConfig,
  weights: Weights,
  set: Split,
  options: RangeOptions,
): Promise<SiteRange[]> {
  const extremes = await recordExtremes(config, weights, set, options);
  const examples = extremes[0]?.exampleMax.length ?? 0;
  const counted = usualExamples(extremes, Math.floor(examples * (options.spare ?? 0)));
  const accumulators = extremes.map((site) => new Accumulator(site, counted));
  const outputs = (site: Site, i: number): Readonly<Record<string, Tensor>> => ({
    [`value.${i}`]: site.tensor,
    ...(counts(site, options) && { [`include.${i}`]: spread(site.include!, site.tensor) }),
  });
  await overSites(config, weights, set, options, outputs, (results, { start, used, batch }) => {
    for (const [i, accumulator] of accumulators.entries()) {
      accumulator.add(results[`value.${i}`]!, results[`include.${i}`], batch, used, start);
    }
  });
  return accumulators.map((accumulator) => accumulator.result());
}

/** A mask brought to the shape of the values: added to zeros of that shape. */
function spread(include: Tensor, tensor: Tensor): Tensor {
  const zeros = tensor.program.constant(new Float32Array(elementCount(tensor.shape)), tensor.shape, 'zeros');
  return add(zeros, include);
}

/** Which examples count, all but `spare`: one is unusual by its largest value over the median of such, at its worst site. */
function usualExamples(sites: readonly SiteExtremes[], spare: number): readonly boolean[] {
  const reaches = sites.map(({ exampleMax, exampleMin }) =>
    Float64Array.from(exampleMax, (high, i) => Math.max(Math.abs(high), Math.abs(exampleMin[i]!))),
  );
  const scales = reaches.map((values) => Math.max(values.toSorted()[Math.floor(values.length / 2)]!, 1e-12));
  const unusual = Array.from(reaches[0] ?? [], (_, i) =>
    Math.max(...reaches.map((values, site) => values[i]! / scales[site]!)),
  );
  const left = new Set(largestFirst(unusual).slice(0, spare));
  return unusual.map((_, i) => !left.has(i));
}

/** Keys from the most negative value to the largest: negative ones (the sign is the top bit) run backwards. */
const ascendingKeys: readonly number[] = (() => {
  const half = 1 << (keyBits - 1);
  return [...Array.from({ length: half }, (_, i) => 2 * half - 1 - i), ...Array(half).keys()];
})();

/** The middle of the values that share a key, zero for those too small for full precision. */
function middleOf(key: number): number {
  const mantissa = key & ((1 << mantissaBits) - 1);
  const exponent = (key >> mantissaBits) & 0xff;
  const size = exponent === 0 ? 0 : 2 ** (exponent - 127) * (1 + (mantissa + 0.5) / (1 << mantissaBits));
  return key >> (keyBits - 1) ? -size : size;
}

class Accumulator {
  readonly #site: SiteExtremes;
  readonly #counted: readonly boolean[];
  readonly #min: number;
  readonly #max: number;
  #count = 0;
  #sum = 0;
  #squares = 0;
  readonly #histogram = new Float64Array(bins);
  readonly #byKey = new Float64Array(1 << keyBits);

  /** `counted`: the examples whose values count. */
  constructor(site: SiteExtremes, counted: readonly boolean[]) {
    this.#site = site;
    this.#counted = counted;
    this.#min = site.exampleMin.reduce((low, value, i) => (counted[i] ? Math.min(low, value) : low), Infinity);
    this.#max = site.exampleMax.reduce((high, value, i) => (counted[i] ? Math.max(high, value) : high), -Infinity);
  }

  add(values: Float32Array, include: Float32Array | undefined, batch: number, used: number, start: number): void {
    const size = values.length / batch;
    for (let example = 0; example < used; example++) {
      if (!this.#counted[start + example]) continue;
      const [from, to] = [example * size, (example + 1) * size];
      this.#addExample(values.subarray(from, to), include?.subarray(from, to));
    }
  }

  /** A language model has 1e8 values a site, so this loop keeps to local names and whole numbers as indices. */
  #addExample(values: Float32Array, include: Float32Array | undefined): void {
    const [min, histogram, byKey] = [this.#min, this.#histogram, this.#byKey];
    const keys = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const scaleFactor = bins / Math.max(this.#max - min, Number.MIN_VALUE);
    let [count, sum, squares] = [0, 0, 0];
    for (let i = 0; i < values.length; i++) {
      if (include !== undefined && include[i] === 0) continue;
      const value = values[i]!;
      // NaN counts as nothing, as in the extremes.
      if (Number.isNaN(value)) continue;
      count += 1;
      sum += value;
      squares += value * value;
      const bin = ((value - min) * scaleFactor) | 0;
      histogram[bin < bins ? bin : bins - 1]! += 1;
      byKey[keys[i]! >>> (32 - keyBits)]! += 1;
    }
    this.#count += count;
    this.#sum += sum;
    this.#squares += squares;
  }

  result(): SiteRange {
    const [count, min, max] = [this.#count, this.#min, this.#max];
    const mean = this.#sum / count;
    const quantile = (share: number) => {
      let below = 0;
      for (const key of ascendingKeys) {
        below += this.#byKey[key]!;
        if (below >= share * count) return Math.min(max, Math.max(min, middleOf(key)));
      }
      return max;
    };
    return {
      ...this.#site,
      count,
      min,
      max,
      mean,
      deviation: Math.sqrt(Math.max(0, this.#squares / count - mean * mean)),
      quantiles: {
        low4: quantile(1e-4),
        low2: quantile(1e-2),
        median: quantile(0.5),
        high2: quantile(1 - 1e-2),
        high4: quantile(1 - 1e-4),
      },
      histogram: {
        low: min,
        high: max,
        counts: Array.from(this.#histogram),
      },
    };
  }
}

import type { EvaluationSet } from '../data/sets.ts';
import { feedsAt, windowCount } from '../data/windows.ts';
import { DataError } from '../errors.ts';
import { elementCount, type Tensor } from '../graph/program.ts';
import type { Site } from '../model/builder.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Weights } from '../model/weights.ts';
import { add } from '../ops/index.ts';
import { InferenceModel } from './inference.ts';

/** What one site saw. Values that padding or a mask hides are left out. */
export interface SiteRange {
  readonly name: string;
  readonly kind: Site['kind'];
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** The 1e-4, 1e-2, 1/2, 1 - 1e-2 and 1 - 1e-4 quantiles, within 0.4 % of their size whatever the extremes are. */
  readonly quantiles: Readonly<Record<'low4' | 'low2' | 'median' | 'high2' | 'high4', number>>;
  readonly histogram: { readonly low: number; readonly high: number; readonly counts: readonly number[] };
  /** Largest absolute value in each example, for out-of-range counts per example. */
  readonly exampleMax: Float32Array;
  readonly exampleMin: Float32Array;
}

/** Bins of the histograms returned. */
const bins = 64;

/**
 * Quantiles come from counts by sign, exponent and the first seven bits of the mantissa: one example whose values are
 * 1e30 takes nothing from how finely the others are told apart.
 */
const keyBits = 16;
const mantissaBits = 7;

/**
 * Runs a model over (the first `limit` examples or windows of) a set and records the values at every site: inputs of
 * activations, scores under softmax, variances that normalisations divide by. Two passes: extent, then histogram.
 */
export async function recordRanges(
  config: ModelConfig,
  weights: Weights,
  set: EvaluationSet,
  options: {
    readonly limit: number;
    readonly batch?: number;
    readonly tokens?: number;
    readonly threads?: number;
    /** Also count what padding or a mask hides: under encryption activations are evaluated there, too. */
    readonly hidden?: boolean;
    /**
     * Share of the examples to leave out: those whose values are the most unlike what is usual at any site. Their
     * extremes are still reported as exampleMin and exampleMax.
     */
    readonly spare?: number;
  },
): Promise<SiteRange[]> {
  const available = set.kind === 'classification' ? set.count : windowCount(set, options.tokens ?? 0);
  const examples = Math.min(options.limit, available);
  if (examples === 0) throw new DataError('There is no example to record ranges on.');
  const batch = Math.min(options.batch ?? 8, examples);
  let sites: readonly Site[] = [];
  const model = await InferenceModel.create(config, weights, {
    batch,
    threads: options.threads ?? 1,
    ...(options.tokens ? { tokens: options.tokens } : {}),
    outputs: (context) => {
      sites = context.sites;
      const outputs: Record<string, Tensor> = {};
      for (const [i, site] of sites.entries()) {
        outputs[`value.${i}`] = site.tensor;
        if (site.include && !(options.hidden && site.kind !== 'norm-variance'))
          outputs[`include.${i}`] = spread(site.include, site.tensor);
      }
      return outputs;
    },
  });
  const accumulators = sites.map((site) => new Accumulator(site, examples));
  try {
    for (const pass of ['extent', 'histogram'] as const) {
      if (pass === 'histogram') {
        const counted = usualExamples(accumulators, Math.floor(examples * (options.spare ?? 0)));
        for (const accumulator of accumulators) accumulator.countOnly(counted);
      }
      for (let start = 0; start < examples; start += batch) {
        const results = await model.run(feedsAt(set, start, batch, options.tokens ?? 0));
        const used = Math.min(batch, examples - start);
        accumulators.forEach((accumulator, i) => {
          accumulator.add(pass, results[`value.${i}`]!, results[`include.${i}`], batch, used, start);
        });
      }
    }
  } finally {
    await model.close();
  }
  return accumulators.map((accumulator) => accumulator.result());
}

/** A mask brought to the shape of the values: added to zeros of that shape. */
function spread(include: Tensor, tensor: Tensor): Tensor {
  const zeros = tensor.program.constant(new Float32Array(elementCount(tensor.shape)), tensor.shape, 'zeros');
  return add(zeros, include);
}

/** Which examples count, all but `spare`: one is unusual by its largest value over the median of such, at its worst site. */
function usualExamples(accumulators: readonly Accumulator[], spare: number): readonly boolean[] {
  const extremes = accumulators.map((accumulator) => accumulator.extremes());
  const scales = extremes.map((values) => Math.max(values.toSorted()[Math.floor(values.length / 2)]!, 1e-12));
  const unusual = Array.from(extremes[0] ?? [], (_, i) =>
    Math.max(...extremes.map((values, site) => values[i]! / scales[site]!)),
  );
  const order = [...unusual.keys()].sort((a, b) => unusual[b]! - unusual[a]!);
  const left = new Set(order.slice(0, spare));
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
  private readonly site: Site;
  private count = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private squares = 0;
  private counted: readonly boolean[] = [];
  private readonly histogram = new Float64Array(bins);
  private readonly byKey = new Float64Array(1 << keyBits);
  private readonly exampleMax: Float32Array;
  private readonly exampleMin: Float32Array;

  constructor(site: Site, examples: number) {
    this.site = site;
    this.exampleMax = new Float32Array(examples).fill(Number.NEGATIVE_INFINITY);
    this.exampleMin = new Float32Array(examples).fill(Number.POSITIVE_INFINITY);
  }

  add(
    pass: 'extent' | 'histogram',
    values: Float32Array,
    include: Float32Array | undefined,
    batch: number,
    used: number,
    start: number,
  ): void {
    const size = values.length / batch;
    const scaleFactor = bins / Math.max(this.max - this.min, Number.MIN_VALUE);
    const keys = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let example = 0; example < used; example++) {
      if (pass === 'histogram' && !this.counted[start + example]) continue;
      for (let i = example * size; i < (example + 1) * size; i++) {
        if (include && include[i] === 0) continue;
        const value = values[i]!;
        if (pass === 'histogram') {
          this.count += 1;
          this.sum += value;
          this.squares += value * value;
          this.histogram[Math.min(bins - 1, Math.floor((value - this.min) * scaleFactor))]! += 1;
          this.byKey[keys[i]! >>> (32 - keyBits)]! += 1;
          continue;
        }
        if (value > this.exampleMax[start + example]!) this.exampleMax[start + example] = value;
        if (value < this.exampleMin[start + example]!) this.exampleMin[start + example] = value;
      }
    }
  }

  /** The largest absolute value of each example. */
  extremes(): Float64Array {
    return Float64Array.from(this.exampleMax, (high, i) => Math.max(Math.abs(high), Math.abs(this.exampleMin[i]!)));
  }

  /** Between the passes: the examples whose values count. */
  countOnly(counted: readonly boolean[]): void {
    this.counted = counted;
    for (const [i, counts] of counted.entries()) {
      if (!counts) continue;
      this.min = Math.min(this.min, this.exampleMin[i]!);
      this.max = Math.max(this.max, this.exampleMax[i]!);
    }
  }

  result(): SiteRange {
    const { count, min, max } = this;
    const mean = this.sum / count;
    const quantile = (share: number) => {
      let below = 0;
      for (const key of ascendingKeys) {
        below += this.byKey[key]!;
        if (below >= share * count) return Math.min(max, Math.max(min, middleOf(key)));
      }
      return max;
    };
    return {
      name: this.site.name,
      kind: this.site.kind,
      count,
      min,
      max,
      mean,
      deviation: Math.sqrt(Math.max(0, this.squares / count - mean * mean)),
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
        counts: Array.from(this.histogram),
      },
      exampleMax: this.exampleMax,
      exampleMin: this.exampleMin,
    };
  }
}

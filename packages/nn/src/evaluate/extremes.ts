import { DataError, type Weights } from '@cipherformer/model';
import type { Split } from '../data/splits.ts';
import { feedsAt, windowCount } from '../data/windows.ts';
import type { Tensor } from '../onnx/program.ts';
import { perExampleExtremes } from '../ops/index.ts';
import type { Site } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';

/** The extremes of one site in each example: what tells whether an example leaves an interval. */
export interface SiteExtremes {
  readonly name: string;
  readonly kind: Site['kind'];
  readonly exampleMax: Float32Array;
  readonly exampleMin: Float32Array;
}

export interface ExtremeOptions {
  /** The first so many examples or windows of the set. */
  readonly limit: number;
  readonly batch?: number;
  readonly tokens?: number;
  readonly threads?: number;
  /** Also count what padding or a mask hides: under encryption activations are evaluated there, too. */
  readonly hidden?: boolean;
}

/**
 * Runs a model over a set and takes the extremes at every site (inputs of activations, scores under softmax, variances
 * that normalisations divide by) within each example. They are taken inside the graph, so only two numbers an example
 * and site leave it. NaN counts as nothing: what made it left its interval at an earlier site.
 */
export async function recordExtremes(
  config: ModelConfig,
  weights: Weights,
  set: Split,
  options: ExtremeOptions,
): Promise<SiteExtremes[]> {
  const sites: SiteExtremes[] = [];
  const examples = exampleCount(set, options);
  const outputs = (site: Site, i: number): Readonly<Record<string, Tensor>> => {
    const { name, kind, tensor } = site;
    sites.push({ name, kind, exampleMax: new Float32Array(examples), exampleMin: new Float32Array(examples) });
    const { high, low } = perExampleExtremes(tensor, counts(site, options) ? site.include : undefined);
    return { [`high.${i}`]: high, [`low.${i}`]: low };
  };
  await overSites(config, weights, set, options, outputs, (results, { start, used }) => {
    for (const [i, { exampleMax, exampleMin }] of sites.entries()) {
      exampleMax.set(results[`high.${i}`]!.subarray(0, used), start);
      exampleMin.set(results[`low.${i}`]!.subarray(0, used), start);
    }
  });
  return sites;
}

/** The extremes of two sets as of one. */
export const joinExtremes = (first: readonly SiteExtremes[], second: readonly SiteExtremes[]): SiteExtremes[] =>
  first.map((site, i) => ({
    ...site,
    exampleMax: Float32Array.from([...site.exampleMax, ...second[i]!.exampleMax]),
    exampleMin: Float32Array.from([...site.exampleMin, ...second[i]!.exampleMin]),
  }));

/** Indices, that of the largest value first; equal ones (infinite, say) stay in order. */
export const largestFirst = (values: readonly number[]): number[] =>
  [...values.keys()].sort((a, b) => (values[a] === values[b] ? a - b : values[b]! - values[a]!));

/** Whether only some of a site's values count. */
export const counts = (site: Site, { hidden }: ExtremeOptions): boolean =>
  site.include !== undefined && !(hidden && site.kind !== 'norm-variance');

/** One run: the examples [start, start + used) in a batch that may be longer (the last example repeats). */
export interface BatchRun {
  readonly start: number;
  readonly used: number;
  readonly batch: number;
}

/** Runs a model over a set with the outputs that `outputs` names for each site; the arrays are overwritten by the next run. */
export async function overSites(
  config: ModelConfig,
  weights: Weights,
  set: Split,
  options: ExtremeOptions,
  outputs: (site: Site, i: number) => Readonly<Record<string, Tensor>>,
  onBatch: (results: Readonly<Record<string, Float32Array>>, run: BatchRun) => void,
): Promise<void> {
  const examples = exampleCount(set, options);
  const batch = Math.min(options.batch ?? 8, examples);
  const model = await InferenceModel.create(config, weights, {
    batch,
    threads: options.threads ?? 1,
    ...(options.tokens ? { tokens: options.tokens } : {}),
    outputs: ({ sites }) => Object.assign({}, ...sites.map(outputs)),
  });
  try {
    for (let start = 0; start < examples; start += batch) {
      const results = await model.run(feedsAt(set, start, batch, options.tokens ?? 0));
      onBatch(results, { start, used: Math.min(batch, examples - start), batch });
    }
  } finally {
    await model.close();
  }
}

function exampleCount(set: Split, { limit, tokens }: ExtremeOptions): number {
  const available = set.kind === 'classification' ? set.count : windowCount(set, tokens ?? 0);
  const examples = Math.min(limit, available);
  if (examples === 0) throw new DataError('There is no example to record ranges on.');
  return examples;
}

import type { Split } from '../../data/splits.ts';
import { feedsAt, windowCount } from '../../data/windows.ts';
import { CalibrationError } from '../../errors.ts';
import { InferenceModel } from '../../evaluate/inference.ts';
import type { Tensor } from '../../onnx/program.ts';
import * as ops from '../../ops/index.ts';
import type { Site } from '../../transformer/builder.ts';
import type { Converted } from './architecture.ts';

/** Fewest examples that statistics are taken from. */
const fewest = 32;

export interface CalibrationOptions {
  readonly limit: number;
  readonly tokens?: number;
  readonly threads?: number;
}

/** Examples (or windows) that calibration will use. @throws CalibrationError when there are too few */
export function calibrationCount(set: Split, options: CalibrationOptions): number {
  const available = set.kind === 'classification' ? set.count : windowCount(set, options.tokens ?? 0);
  const count = Math.min(options.limit, available);
  if (count < fewest) {
    throw new CalibrationError(
      `Calibration on ${count} examples says too little about ranges: give at least ${fewest} ` +
        `("calibration" in the recipe asks for ${options.limit}, the data has ${available}).`,
    );
  }
  return count;
}

export interface NormStatistics {
  /** Mean of the variance a normalisation divides by. */
  readonly variance: number;
  /** Mean of its square root. */
  readonly deviation: number;
}

/** Statistics of the variance sites on calibration data, by the name of the normalisation; padding left out. */
export async function normStatistics(
  model: Converted,
  set: Split,
  options: CalibrationOptions,
): Promise<Map<string, NormStatistics>> {
  const count = calibrationCount(set, options);
  const batch = Math.min(50, count);
  let names: string[] = [];
  const inference = await InferenceModel.create(model.config, model.weights, {
    batch,
    threads: options.threads ?? 1,
    ...(options.tokens ? { tokens: options.tokens } : {}),
    outputs: ({ sites, graph }) => {
      const norms = sites.filter(({ kind }) => kind === 'norm-variance');
      names = norms.map(({ name }) => name.replace(/\.variance$/, ''));
      const outputs: Record<string, Tensor> = { logits: graph.logits };
      norms.forEach((site, i) => {
        outputs[`variance.${i}`] = average(site, site.tensor);
        outputs[`deviation.${i}`] = average(site, ops.sqrt(site.tensor));
      });
      return outputs;
    },
  });
  const seen: { variance: number[]; deviation: number[] }[] = [];
  const batches = Math.floor(count / batch);
  try {
    for (let i = 0; i < batches; i++) {
      const results = await inference.run(feedsAt(set, i * batch, batch, options.tokens ?? 0));
      names.forEach((_, n) => {
        seen[n] ??= { variance: [], deviation: [] };
        seen[n].variance.push(results[`variance.${n}`]![0]!);
        seen[n].deviation.push(results[`deviation.${n}`]![0]!);
      });
    }
  } finally {
    await inference.close();
  }
  return new Map(
    names.map((name, n) => [
      name,
      { variance: usualMean(seen[n]!.variance), deviation: usualMean(seen[n]!.deviation) },
    ]),
  );
}

/**
 * The mean of what is at most three times the median: one example whose values grow from layer to layer would otherwise
 * set the denominator for all.
 */
function usualMean(values: readonly number[]): number {
  const median = [...values].sort((x, y) => x - y)[values.length >> 1]!;
  const usual = values.filter((value) => value <= 3 * median);
  return usual.reduce((sum, value) => sum + value / usual.length, 0);
}

/** The mean over what counts. */
function average(site: Site, values: Tensor): Tensor {
  if (!site.include) return ops.mean(values);
  return ops.div(ops.sum(ops.mul(values, site.include)), ops.sum(site.include));
}

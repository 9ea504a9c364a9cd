/** A learning rate by step. */
export interface Schedule {
  readonly peak: number;
  /** Steps over which the rate rises. */
  readonly warmup: number;
  /** Steps in all. */
  readonly total: number;
  /** The rate at the end, as a share of the peak. */
  readonly final: number;
}

/** Linear warm-up over `warmup` steps, then a cosine from `peak` down to `peak * final` at step `total`. */
export function warmupCosine(step: number, { peak, warmup, total, final }: Schedule): number {
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return peak * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** What recipes say of a schedule. */
export interface ScheduleOptions {
  readonly epochs: number;
  readonly learningRate: number;
  /** Share of all steps. */
  readonly warmup: number;
  /** Share of the learning rate. */
  readonly finalRate: number;
}

/** Steps in so many epochs; at least one. */
export const stepsIn = (epochs: number, { stepsPerEpoch }: { readonly stepsPerEpoch: number }): number =>
  Math.max(1, Math.round(epochs * stepsPerEpoch));

/** The schedule of a recipe on batches of so many steps an epoch. */
export function scheduleOf(training: ScheduleOptions, batches: { readonly stepsPerEpoch: number }): Schedule {
  const total = stepsIn(training.epochs, batches);
  return {
    peak: training.learningRate,
    warmup: Math.max(1, Math.round(training.warmup * total)),
    total,
    final: training.finalRate,
  };
}

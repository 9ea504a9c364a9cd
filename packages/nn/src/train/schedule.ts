/** Linear warm-up over `warmup` steps, then a cosine from `peak` down to `peak * final` at step `total`. */
export function warmupCosine(
  step: number,
  options: { readonly peak: number; readonly warmup: number; readonly total: number; readonly final: number },
): number {
  const { peak, warmup, total, final } = options;
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return peak * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

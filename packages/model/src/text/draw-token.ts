import type { Random } from '@cipherformer/base';

/** How a token is drawn from a language model's logits. */
export interface DrawOptions {
  /** Logits are divided by it: 1 is the model's own distribution, less is bolder, 0 always takes the most likely. */
  readonly temperature: number;
  /** Of so many most likely ones only. Default: of all. */
  readonly topK?: number;
}

/** A token by its logits [vocabulary]. Cost: a pass over them, for `topK` a sort. */
export function drawToken(logits: ArrayLike<number>, { temperature, topK }: DrawOptions, random: Random): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  if (temperature === 0 || topK === 1) return best;
  const least = topK === undefined ? Number.NEGATIVE_INFINITY : leastOfTop(logits, topK);
  const powers = Float64Array.from(logits, (logit) =>
    logit < least ? 0 : Math.exp((logit - logits[best]!) / temperature),
  );
  let left = random.uniform() * powers.reduce((sum, power) => sum + power, 0);
  for (let i = 0; i < powers.length; i++) {
    left -= powers[i]!;
    if (left < 0) return i;
  }
  return best;
}

function leastOfTop(logits: ArrayLike<number>, topK: number): number {
  const sorted = Float64Array.from(logits).sort();
  return sorted[Math.max(0, sorted.length - topK)]!;
}

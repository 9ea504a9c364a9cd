import type { StoredTensor } from '@cipherformer/model';
import { UnsupportedPartError } from '../../errors.ts';
import type { SiteRange } from '../../evaluate/ranges.ts';
import { attendedTokens, mapScale } from '../../transformer/config.ts';
import type { Converted } from './architecture.ts';
import { functionAt } from './substitute.ts';

/**
 * Divides the values of every layer by the mean sum of a row of its maps. Softmax's rows sum to 1; those of pointwise
 * maps that start from the same scores sum to several times that, and training would begin with streams that no
 * later layer knows. `scores`: what the softmax model's sites saw; the activation starts on the same. `tokens`: the length
 * that the model is converted at.
 * @throws UnsupportedPartError where there are no scores, as of a model whose attention is pointwise already
 */
export function balanceMaps(
  model: Converted,
  scores: readonly SiteRange[],
  tokens = attendedTokens(model.config),
): Converted {
  const { config } = model;
  if (scores.length === 0) {
    throw new UnsupportedPartError(
      'attention',
      'balance needs softmax scores. Give the softmax model, or leave it out.',
    );
  }
  const { heads, keyValueHeads: groups = heads, causal } = config.attention;
  const rows = Array.from(
    { length: tokens },
    (_, t) => mapScale(config.attention, tokens, t) * (causal ? t + 1 : tokens),
  );
  const scale = rows.reduce((a, b) => a + b, 0) / tokens;
  const weights = new Map(model.weights);
  for (const range of scores) {
    const attention = range.name.replace(/\.softmax$/, '');
    const sum = scale * meanOf(functionAt(config, `${attention}.activation`), range);
    if (!(sum > 0)) continue;
    for (const part of [`${attention}.qkv.weight`, `${attention}.qkv.bias`]) {
      const tensor = weights.get(part);
      if (tensor) weights.set(part, divideLastRows(tensor, groups / (heads + 2 * groups), sum));
    }
  }
  return { config, weights };
}

/** The mean of a function over the inputs a site saw, by the middles of the histogram's bins. */
function meanOf(f: (x: number) => number, { histogram: { low, high, counts } }: SiteRange): number {
  const width = (high - low) / counts.length;
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.reduce((sum, count, i) => sum + count * f(low + (i + 0.5) * width), 0) / total;
}

/** Divides the last `share` of the rows. */
function divideLastRows({ shape, data }: StoredTensor, share: number, by: number): StoredTensor {
  const rows = Math.round(shape[0]! * share);
  const from = (shape[0]! - rows) * (data.length / shape[0]!);
  return { shape, data: data.map((value, i) => (i < from ? value : value / by)) };
}

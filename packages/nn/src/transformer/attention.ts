import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { Builder, Site } from './builder.ts';
import { type ModelConfig, mapScale, scoreScale, sequenceLength } from './config.ts';
import { activation, normalise } from './parts.ts';
import { relativeOffsets } from './relative.ts';
import { type RotaryConfig, rotaryTables } from './rotary.ts';

/** Which key positions count: a constant causal mask, that of shifted windows, a fed padding mask, or none. */
export interface AttentionMask {
  /** [tokens, tokens], 1 where a key may be seen. */
  readonly causal?: Tensor;
  /** [batch, 1, tokens, tokens], likewise. */
  readonly window?: Tensor;
  /** [batch, 1, 1, tokens], 1 for real tokens. */
  readonly padding?: Tensor;
}

/** The product of the masks that exist, broadcasting to [batch, heads, tokens, tokens]. */
function visible({ causal, window, padding }: AttentionMask): Tensor | undefined {
  const masks = [padding, window, causal].filter((mask) => mask !== undefined);
  return masks.length === 0 ? undefined : masks.reduce((a, b) => ops.mul(a, b));
}

/** Self-attention of one layer, counted from 0: x [batch, tokens, width] -> [batch, tokens, width]. */
export function attention(
  builder: Builder,
  config: ModelConfig,
  name: string,
  x: Tensor,
  mask: AttentionMask,
  layer: number,
): Tensor {
  const { heads, headWidth, qkvBias, outBias, kind, headNorm } = config.attention;
  const groups = config.attention.keyValueHeads ?? heads;
  const [batch, tokens, width] = x.shape as [number, number, number];
  const inner = heads * headWidth;
  const sizes = [inner, groups * headWidth, groups * headWidth];
  const total = sizes[0]! + sizes[1]! + sizes[2]!;
  const qkvWeight = builder.parameter(`${name}.qkv.weight`, [total, width], undefined, sizes);
  const qkv = ops.linear(x, qkvWeight, qkvBias ? builder.parameter(`${name}.qkv.bias`, [total]) : undefined);
  const parts = ops.split(qkv, 2, sizes);
  let q = ops.splitHeads(parts[0]!, heads);
  let k = ops.splitHeads(parts[1]!, groups);
  let v = ops.splitHeads(parts[2]!, groups);
  if (headNorm) {
    q = normalise(builder, config, `${name}.query_norm`, headNorm, q);
    k = normalise(builder, config, `${name}.key_norm`, headNorm, k);
  }
  if (config.positions.kind === 'rotary') {
    q = rotate(q, config.positions);
    k = rotate(k, config.positions);
  }
  if (groups < heads) {
    k = repeatGroups(k, heads);
    v = repeatGroups(v, heads);
  }
  const mixed =
    kind === 'uniform'
      ? ops.matmul(uniformMap([batch, heads, tokens, tokens], v.program, mask), v)
      : ops.matmul(attentionMap(builder, config, name, q, k, mask, layer), v);
  const outWeight = builder.parameter(`${name}.out.weight`, [width, inner], {
    kind: 'normal',
    deviation: Math.sqrt(1 / (3 * inner)) / Math.sqrt(2 * config.layers),
  });
  const out = ops.linear(
    ops.mergeHeads(mixed),
    outWeight,
    outBias ? builder.parameter(`${name}.out.bias`, [width]) : undefined,
  );
  return builder.dropout(out);
}

/** The weights given to the values [batch, heads, tokens, tokens]. */
function attentionMap(
  builder: Builder,
  config: ModelConfig,
  name: string,
  q: Tensor,
  k: Tensor,
  mask: AttentionMask,
  layer: number,
): Tensor {
  const { kind, similarity, affine, mapNorm, heads, distanceOffsets, distanceWeights } = config.attention;
  const tokens = q.shape[2]!;
  const alpha = scoreScale(config.attention, layer);
  const products = ops.matmul(q, k, { transB: true, alpha });
  let scores = kind === 'pointwise' && similarity === 'distance' ? ops.sub(products, halfNorms(q, k, alpha)) : products;
  const offsets = relativeOffsets(builder, config, name, tokens);
  if (offsets) scores = ops.add(scores, offsets);
  const seen = visible(mask);
  // A polynomial is evaluated for all pairs of a window, so that all have to be in its range.
  const { window: _, ...others } = mask;
  const counted = kind === 'pointwise' ? visible(others) : seen;
  const include = counted ? { include: counted } : {};
  if (kind === 'softmax') {
    const site: Site = { name: `${name}.softmax`, kind: 'attention-softmax', tensor: scores, ...include };
    builder.site(site);
    // Hidden keys get -1e9, which the softmax turns into exactly 0.
    const hidden = seen && ops.scale(ops.shift(seen, -1), 1e9);
    return ops.softmax(hidden ? ops.add(scores, hidden) : scores);
  }
  const distanceTable = (which: string, value: number) =>
    builder.parameter(`${name}.map.distance_${which}`, [heads, sequenceLength(config)], { kind: 'constant', value });
  let logits = scores;
  if (affine) {
    const factor = builder.parameter(`${name}.map.weight`, [heads, 1, 1], { kind: 'constant', value: 1 });
    const offset = builder.parameter(`${name}.map.bias`, [heads, 1, 1], { kind: 'constant', value: 0 });
    logits = ops.add(ops.mul(logits, factor), offset);
  }
  if (distanceOffsets) {
    logits = ops.add(logits, byDistance(distanceTable('offset', 0), tokens));
  }
  if (mapNorm) logits = normalise(builder, config, `${name}.map_norm`, mapNorm, logits, { channelAxis: 1, ...include });
  const active = activation(builder, config, `${name}.activation`, config.attention.activation, logits, {
    kind: 'attention-activation',
    ...include,
  });
  // The mask is a product after the activation (a polynomial need not vanish at 0); the factor of the public length
  // rides on the mask where there is one.
  if (distanceWeights || config.attention.scaling === '1/sqrt(t+1)') {
    const rows = Float32Array.from({ length: tokens }, (_, query) => mapScale(config.attention, tokens, query));
    const byQuery = ops.mul(mask.causal!, q.program.constant(rows, [tokens, 1], 'map scale'));
    const weights = distanceWeights ? ops.mul(byDistance(distanceTable('weight', 1), tokens), byQuery) : byQuery;
    const weighted = ops.mul(active, weights);
    return mask.padding ? ops.mul(weighted, mask.padding) : weighted;
  }
  const length = mapScale(config.attention, tokens);
  return seen ? ops.mul(active, ops.scale(seen, length)) : ops.scale(active, length);
}

/**
 * A table [heads, distance] as [heads, query t, key j]: entry t - j where j <= t, else 0. A row (w, zeros) of 2 L numbers,
 * repeated and read with rows of 2 L - 1, moves by one in every row: this is movement of data only.
 */
function byDistance(table: Tensor, tokens: number): Tensor {
  const [heads, longest] = table.shape as [number, number];
  const entries = longest > tokens ? ops.slice(table, 1, 0, tokens) : table;
  const zeros = entries.program.constant(new Float32Array(heads * tokens), [heads, tokens], 'zeros');
  const row = ops.reshape(ops.concat([entries, zeros], 1), [heads, 1, 2 * tokens]);
  const repeated = ops.reshape(ops.expand(row, [heads, tokens, 2 * tokens]), [heads, 2 * tokens * tokens]);
  const cut = ops.slice(repeated, 1, 0, tokens * (2 * tokens - 1));
  const moved = ops.reshape(cut, [heads, tokens, 2 * tokens - 1]);
  // moved[h, j, t] is entry (t - j) mod 2 L.
  return ops.transpose(ops.slice(moved, 2, 0, tokens), [0, 2, 1]);
}

/** alpha (|q|^2 + |k|^2) / 2 for each pair: what turns products into -alpha |q - k|^2 / 2. */
function halfNorms(q: Tensor, k: Tensor, alpha: number): Tensor {
  const [batch, heads, tokens] = q.shape as [number, number, number, number];
  const norms = (x: Tensor) => ops.scale(ops.sum(ops.square(x), [3], true), alpha / 2);
  return ops.add(norms(q), ops.reshape(norms(k), [batch, heads, 1, tokens]));
}

/** Every visible key with the same weight: what is left of attention when it attends to nothing in particular. */
function uniformMap(shape: readonly number[], program: Tensor['program'], mask: AttentionMask): Tensor {
  const seen = visible(mask);
  const ones = program.constant(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape, 'ones');
  const weights = seen ? ops.mul(ones, seen) : ones;
  return ops.div(weights, ops.sum(weights, [3], true));
}

/**
 * Rotary positions (Su et al., 2021) on [batch, heads, tokens, headWidth]: pairs (i, i + half) or (2i, 2i + 1) of the first
 * `width` entries of a head turn, the others stay as they are.
 */
function rotate(x: Tensor, positions: RotaryConfig): Tensor {
  const [batch, heads, tokens, headWidth] = x.shape as [number, number, number, number];
  const { interleaved, width = headWidth } = positions;
  const [turning, still] = width < headWidth ? ops.split(x, 3, [width, headWidth - width]) : [x];
  const half = width / 2;
  const tables = rotaryTables(positions, width, tokens);
  const shape = interleaved ? [tokens, half, 1] : [tokens, half];
  const cos = x.program.constant(Float32Array.from(tables.cos), shape, 'cos');
  const sin = x.program.constant(Float32Array.from(tables.sin), shape, 'sin');
  const axis = interleaved ? 4 : 3;
  const view = interleaved ? ops.reshape(turning!, [batch, heads, tokens, half, 2]) : turning!;
  const [a, b] = ops.split(view, axis, interleaved ? [1, 1] : [half, half]) as [Tensor, Tensor];
  const first = ops.sub(ops.mul(a, cos), ops.mul(b, sin));
  const second = ops.add(ops.mul(b, cos), ops.mul(a, sin));
  const turned = ops.reshape(ops.concat([first, second], axis), turning!.shape);
  return still ? ops.concat([turned, still], 3) : turned;
}

/** Shares each key/value head among heads/groups query heads. */
function repeatGroups(x: Tensor, heads: number): Tensor {
  const [batch, groups, tokens, headWidth] = x.shape as [number, number, number, number];
  const apart = ops.reshape(x, [batch, groups, 1, tokens, headWidth]);
  const repeated = ops.expand(apart, [batch, groups, heads / groups, tokens, headWidth]);
  return ops.reshape(repeated, [batch, heads, tokens, headWidth]);
}

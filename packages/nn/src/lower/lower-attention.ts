import type { Program } from '@cipherformer/approx';
import { UnsupportedPartError } from '../errors.ts';
import { mapScale, normAt, sequenceLength } from '../transformer/config.ts';
import { relativeIndices, relativeRows } from '../transformer/relative.ts';
import { applyLinear, type Dense, scaleRows, sliceRows, type View } from './affine.ts';
import { viewOf } from './graph-builder.ts';
import { lowerDistance, type Projection } from './lower-distance.ts';
import { lowerRotary } from './lower-rotary.ts';
import { batchStatistics, type Lowering, siteProgram } from './lowering.ts';
import { asParabola } from './parabola.ts';

/**
 * Pointwise self-attention of a view [tokens, width]; `mask` is the node of the 0/1 column that hides padding. The
 * scale, the per-head factor and the maps' BatchNorm ride on the query; 1/sqrt(L) on the polynomial (on the values
 * where its last step cannot carry it, as a parabola's), so that maps of many tokens stay as small as their sums allow.
 * Levels: 1 (projections) + 1 (scores) + the polynomial's + 1 (attend); the returned view adds the output map's 1. Scores by
 * distance take 2 more, rotary positions 1.
 */
export function lowerAttention(lowering: Lowering, name: string, view: View, mask: number | undefined): View {
  const { config, stored, graph } = lowering;
  const { heads, headWidth, qkvBias, outBias, causal } = config.attention;
  checkAttention(lowering, name);
  const groups = config.attention.keyValueHeads ?? heads;
  const inner = heads * headWidth;
  const keyWidth = groups * headWidth;
  const total = inner + 2 * keyWidth;
  const weight = stored.matrix(`${name}.qkv.weight`, total, config.width);
  const bias = qkvBias ? stored.vector(`${name}.qkv.bias`, total) : undefined;
  const part = (from: number, to: number) => ({ weight: sliceRows(weight, from, to), bias: bias?.subarray(from, to) });

  const { factors, offsets } = scoreMap(lowering, name);
  const project = (which: string, w: Dense, b: Float64Array | undefined) =>
    graph.materialise(`${name}.${which}`, applyLinear(view, w, b));
  const query = scaleHeads(part(0, inner), factors);
  const key = shareGroups(part(inner, inner + keyWidth), heads, groups, headWidth);
  const { positions } = config;
  const placed = (which: string, projection: Projection) =>
    positions.kind === 'rotary'
      ? lowerRotary(lowering, `${name}.${which}`, view, projection, positions, headWidth)
      : project(which, projection.weight, projection.bias);
  const [queryNode, keyNode] =
    config.attention.similarity === 'distance'
      ? lowerDistance(lowering, name, view, { query, key, factors })
      : [placed('query', query), placed('key', key)];
  const offset = offsets.some((v) => v !== 0) ? { offset: Float32Array.from(offsets) } : {};
  const scores = graph.push(`${name}.scores`, { op: 'scores', query: queryNode, key: keyNode, heads, ...offset });

  const weighted = mapWeights(lowering, name);
  const length = weighted ? 1 : mapScale(config.attention, lowering.windows.tokens);
  const program = siteProgram(lowering, `${name}.activation`, config.attention.activation);
  const parabola = program && asParabola(program);
  const scaled = program && !parabola ? scaleProgram(program, length) : undefined;
  const maps = program
    ? graph.polynomial(`${name}.activation`, scores, parabola?.program ?? scaled ?? program)
    : scores;
  const value = shareGroups(part(inner + keyWidth, total), heads, groups, headWidth);
  const onValues = scaled ? 1 : length * (parabola?.factor ?? 1);
  const valueRows = Float64Array.from(
    { length: inner },
    (_, i) => onValues * (weighted?.largest[Math.floor(i / headWidth)] ?? 1),
  );
  const valueNode = project(
    'value',
    scaleRows(value.weight, valueRows),
    value.bias?.map((v, i) => v * valueRows[i]!),
  );
  const visible = mask === undefined ? valueNode : graph.maskTokens(`${name}.visible`, valueNode, mask);
  const mixed = graph.push(`${name}.mixed`, {
    op: 'attend',
    maps,
    value: visible,
    causal,
    ...seenWeights(lowering, weighted?.weights),
  });
  return applyLinear(
    viewOf(mixed, inner),
    stored.matrix(`${name}.out.weight`, config.width, inner),
    outBias ? stored.vector(`${name}.out.bias`, config.width) : undefined,
  );
}

function checkAttention({ config }: Lowering, name: string): void {
  const { kind } = config.attention;
  if (kind !== 'pointwise') {
    throw new UnsupportedPartError(
      name,
      `${kind} attention has no polynomial form here. Train with pointwise attention (convert does that first).`,
    );
  }
  if (config.positions.kind === 'rotary' && config.attention.similarity === 'distance') {
    throw new UnsupportedPartError(
      name,
      'rotary positions go with products of queries and keys. Use similarity "dot".',
    );
  }
}

/** What is done to QK^T before the activation: factor * score + offset, a factor a head, an offset a head or a map's entry. */
function scoreMap(lowering: Lowering, name: string): { factors: Float64Array; offsets: Float64Array } {
  const { config, stored } = lowering;
  const { heads, headWidth, scale, affine, mapNorm, distanceOffsets } = config.attention;
  let factors = new Float64Array(heads).fill(scale ?? 1 / Math.sqrt(headWidth));
  let offsets = relativeScores(lowering, name) ?? new Float64Array(heads);
  const then = (factor: Float64Array, offset: Float64Array) => {
    const each = offsets.length / heads;
    factors = factors.map((v, h) => v * factor[h]!);
    offsets = offsets.map((v, i) => v * factor[Math.floor(i / each)]! + offset[Math.floor(i / each)]!);
  };
  if (affine) then(stored.vector(`${name}.map.weight`, heads), stored.vector(`${name}.map.bias`, heads));
  if (distanceOffsets) {
    const { tokens } = lowering.graph;
    const table = distanceTable(lowering, name, 'offset');
    offsets = Float64Array.from({ length: heads * tokens ** 2 }, (_, i) => {
      const h = Math.floor(i / tokens ** 2);
      const distance = Math.floor((i % tokens ** 2) / tokens) - (i % tokens);
      return offsets[h]! + (distance >= 0 ? table(h, distance) : 0);
    });
  }
  if (mapNorm) {
    const site = `${name}.map_norm`;
    const part = normAt(config, site, mapNorm);
    if (part.kind === 'batch') {
      const { scale: factor, shift } = batchStatistics(stored, site, part, heads);
      then(factor, shift);
    } else if (part.kind !== 'none') {
      throw new UnsupportedPartError(site, `${part.kind} normalisation of attention maps is not folded. Use "batch".`);
    }
  }
  return { factors, offsets };
}

/** What relative positions add to the scores, [heads, tokens, tokens of a window]; undefined where there are none. */
function relativeScores({ config, stored, windows }: Lowering, name: string) {
  const { relative, heads } = config.attention;
  if (!relative) return undefined;
  const table = stored.vector(
    relative.shared ? 'positions.relative' : `${name}.relative`,
    relativeRows(relative) * heads,
  );
  const { rows, tokens } = windows;
  const indices = relativeIndices(relative, tokens);
  // Alike in all windows.
  return Float64Array.from(
    { length: heads * rows * tokens },
    (_, i) => table[indices[i % tokens ** 2]! * heads + Math.floor(i / (rows * tokens))]!,
  );
}

/** The weights of maps, where not all that a token could see counts alike. */
function seenWeights(
  { config, windows }: Lowering,
  weights: Float32Array | undefined,
): { readonly weights?: Float32Array } {
  const { rows, tokens, sees } = windows;
  if (!sees) return weights ? { weights } : {};
  const length = config.attention.heads * rows * tokens;
  return {
    weights: Float32Array.from({ length }, (_, i) => {
      const query = Math.floor(i / tokens) % rows;
      return sees(Math.floor(query / tokens), query % tokens, i % tokens) ? 1 : 0;
    }),
  };
}

/** A learned table by head and distance; it may be longer than the sequence. */
function distanceTable({ config, stored }: Lowering, name: string, which: 'weight' | 'offset') {
  const longest = sequenceLength(config);
  const values = stored.vector(`${name}.map.distance_${which}`, config.attention.heads * longest);
  return (head: number, distance: number) => values[head * longest + distance]!;
}

/**
 * The factors on maps that differ by query and key, [heads, tokens, tokens], each head divided by its largest: the
 * values take that. Undefined where one factor serves all.
 */
function mapWeights(
  lowering: Lowering,
  name: string,
): { readonly weights: Float32Array; readonly largest: Float64Array } | undefined {
  const { tokens } = lowering.graph;
  const { attention } = lowering.config;
  const { heads, scaling, distanceWeights } = attention;
  if (!distanceWeights && scaling !== '1/sqrt(t+1)') return undefined;
  const table = distanceWeights ? distanceTable(lowering, name, 'weight') : () => 1;
  const weights = new Float64Array(heads * tokens ** 2);
  const largest = new Float64Array(heads);
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < tokens; t++) {
      const row = mapScale(attention, tokens, t);
      for (let j = 0; j <= t; j++) {
        const weight = row * table(h, t - j);
        weights[(h * tokens + t) * tokens + j] = weight;
        largest[h] = Math.max(largest[h]!, Math.abs(weight));
      }
    }
  }
  const square = tokens ** 2;
  return { weights: Float32Array.from(weights, (w, i) => w / (largest[Math.floor(i / square)]! || 1)), largest };
}

/** Each head's rows times its factor. */
function scaleHeads({ weight, bias }: Projection, factors: Float64Array): Projection {
  const headWidth = weight.rows / factors.length;
  const perRow = Float64Array.from({ length: weight.rows }, (_, i) => factors[Math.floor(i / headWidth)]!);
  return { weight: scaleRows(weight, perRow), bias: bias?.map((v, i) => v * perRow[i]!) };
}

/** Rows of shared key or value heads, repeated for every query head that reads them. */
function shareGroups({ weight, bias }: Projection, heads: number, groups: number, headWidth: number): Projection {
  if (groups === heads) return { weight, bias };
  const { columns, values } = weight;
  const result = new Float64Array(heads * headWidth * columns);
  const shared = bias && new Float64Array(heads * headWidth);
  const block = headWidth * columns;
  for (let h = 0; h < heads; h++) {
    const group = Math.floor(h / (heads / groups));
    result.set(values.subarray(group * block, (group + 1) * block), h * block);
    shared?.set(bias!.subarray(group * headWidth, (group + 1) * headWidth), h * headWidth);
  }
  return { weight: { rows: heads * headWidth, columns, values: result }, bias: shared };
}

/** factor * program, where the last step can carry the factor at no cost. */
function scaleProgram({ interval, steps }: Program, factor: number): Program | undefined {
  const last = steps.at(-1)!;
  const before = steps.slice(0, -1);
  if (last.op === 'polynomial') {
    return { interval, steps: [...before, { ...last, coefficients: last.coefficients.map((c) => c * factor) }] };
  }
  if (last.op !== 'affine') return undefined;
  const terms = last.terms.map((term) => ({ ...term, factor: term.factor * factor }));
  return { interval, steps: [...before, { ...last, terms, offset: last.offset * factor }] };
}

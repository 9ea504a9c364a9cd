import type { Program } from '@cipherformer/approx';
import { type PolynomialGraph, ShapeError, type Weights, windowOrder } from '@cipherformer/model';
import {
  attendedTokens,
  clientEmbeds,
  type ModelConfig,
  normAt,
  patchStages,
  pooledWidth,
  type Stage,
  sequenceLength,
} from '../transformer/config.ts';
import { applyLinear, centred, type Dense, type View } from './affine.ts';
import { GraphBuilder, viewOf } from './graph-builder.ts';
import { block, keepsStreamCentred, stream, written } from './lower-block.ts';
import { lowerStages } from './lower-windows.ts';
import { type Lowering, lowerActivation, lowerNorm } from './lowering.ts';
import { Stored } from './stored.ts';
import { checkSupported } from './supported.ts';

export interface LowerOptions {
  /** Tokens of the sequence (the bucket), for text; default: the longest the model takes. Images have their own. */
  readonly tokens?: number;
  /**
   * Programs by site, before the configuration's polynomials: an activation ("layers.0.mlp.activation"), or
   * 1/sqrt(x) of variance + epsilon for a full normalisation ("layers.0.norm1.variance").
   */
  readonly programs?: ReadonlyMap<string, Program>;
  /**
   * The token that a language model's logits follow. Default: the client chooses, by a column "pooling", for one level.
   */
  readonly position?: number;
}

/**
 * A model as additions and multiplications. Normalisations with stored statistics, gains, scales and centring fold
 * into neighbouring linear maps; what folds away leaves no node. Inputs of the graph: "patches" [tokens, patch values]
 * for images (the row of a class token is zero; of a model with windows, window by window), or "embedded" [tokens, width] for text
 * and for patches that the client embeds, with "mask" [tokens, 1] (0/1) for padded text and "pooling" [tokens, 1]: mask / sum of mask where padded text is pooled by its mean, or 1 at the
 * token that a language model continues.
 *
 * Bounds are infinite until `calibrate`. Cost: the composition of the weights in float64, once.
 * @throws UnsupportedPartError naming what has no polynomial form, WeightError, ShapeError
 */
export function lower(config: ModelConfig, weights: Weights, options: LowerOptions = {}): PolynomialGraph {
  checkSupported(config);
  const tokens = sequenceLength(config, options.tokens);
  checkTokens(config, tokens);
  const lowering: Lowering = {
    config,
    stored: new Stored(weights),
    graph: new GraphBuilder(tokens),
    programs: options.programs ?? new Map(),
    centredNodes: new Set(),
    windows: { rows: tokens, tokens: attendedTokens(config, tokens) },
  };
  const { graph } = lowering;
  let state = embed(lowering);
  const mask = hasPadding(config) ? graph.input('mask', 1) : undefined;
  if (config.stages) state = lowerStages(lowering, state);
  else for (let layer = 0; layer < config.layers; layer++) state = block(lowering, `layers.${layer}`, state, mask);
  const row = pool(lowering, state, options.position);
  const window = config.stages ? { window: attendedTokens(config) } : {};
  return { tokens, ...window, nodes: graph.nodes, output: head(lowering, row) };
}

/** Texts of any length are filled up to one, and only the client knows where they end. */
const hasPadding = ({ task }: ModelConfig) => task !== 'language-model' && !task.startsWith('image-');

function checkTokens({ embedding, positions }: ModelConfig, tokens: number): void {
  if (!Number.isInteger(tokens) || tokens < 1) throw new ShapeError(`${tokens} tokens: give a whole number from 1 on.`);
  if (embedding.kind === 'token' && positions.kind === 'learned' && tokens > embedding.maxTokens) {
    throw new ShapeError(`${tokens} tokens are more than the model's ${embedding.maxTokens} positions: lower fewer.`);
  }
}

function embed(lowering: Lowering): View {
  const { config, stored, graph } = lowering;
  const { embedding, width } = config;
  if (embedding.kind === 'token' || clientEmbeds(config))
    return stream(lowering, viewOf(graph.input('embedded', width), width));
  const values = embedding.channels * embedding.patch ** 2;
  const weight = stored.matrix('embedding.patch.weight', width, values);
  const bias = embedding.bias ? stored.vector('embedding.patch.bias', width) : undefined;
  const positions = config.positions.kind === 'learned';
  const patches = viewOf(graph.input('patches', values), values);
  if (embedding.norm || (!positions && !embedding.classToken)) {
    const linear = applyLinear(patches, weight, bias);
    const normed = embedding.norm ? lowerNorm(lowering, 'embedding.norm', config.norm, linear) : linear;
    const node = graph.materialise('embedding.patch', written(lowering, normed));
    const placed = positions ? graph.addTable('embedding.position', node, patchTable(lowering, undefined)) : node;
    return stream(lowering, viewOf(placed, width));
  }
  const node = graph.materialise('embedding.patch', written(lowering, applyLinear(patches, weight)));
  const table = graph.addTable('embedding.position', node, patchTable(lowering, bias));
  return stream(lowering, viewOf(table, width));
}

/** Positions, class token and the patches' bias as one table [tokens, width]. */
function patchTable({ config, stored, graph }: Lowering, bias: Float64Array | undefined): Dense {
  const { embedding, width } = config;
  const { tokens } = graph;
  const values =
    config.positions.kind === 'learned'
      ? stored.vector('embedding.position.weight', tokens * width)
      : new Float64Array(tokens * width);
  const classToken =
    embedding.kind === 'patch' && embedding.classToken ? stored.vector('embedding.class', width) : undefined;
  const centre = keepsStreamCentred(config);
  for (let t = 0; t < tokens; t++) {
    const row = values.subarray(t * width, (t + 1) * width);
    const added = t === 0 && classToken ? classToken : bias;
    if (added) row.set(row.map((v, i) => v + added[i]!));
    if (centre) row.set(centred(row));
  }
  return { rows: tokens, columns: width, values: config.stages ? inWindows(config, values) : values };
}

/** Rows of patches, window by window. */
function inWindows(config: ModelConfig, values: Float64Array): Float64Array {
  const { width } = config;
  const [{ grid, window }] = patchStages(config) as [Stage];
  const rows = windowOrder(grid, window).map((place) => values.subarray(place * width, (place + 1) * width));
  return Float64Array.from(rows.flatMap((row) => [...row]));
}

/** What the head reads, after the final normalisation: one row [1, width] of the stream, or all of it. */
function pool(lowering: Lowering, x: View, position: number | undefined): View {
  const { config, graph } = lowering;
  const tokens = graph.rowsOf(x.node);
  const finish = (view: View) => (config.finalNorm ? lowerNorm(lowering, 'norm', config.norm, view) : view);
  const reduce = (view: View, weights: Float32Array) => pooled(lowering, view, view.node, weights);
  const oneHot = (row: number) => Float32Array.from({ length: tokens }, (_, t) => (t === row ? 1 : 0));
  // Choosing a token, or any weights that sum to 1, commute with an affine map: pooled first there is one row to work on.
  if (config.pool === 'class') return finish(reduce(x, oneHot(0)));
  if (config.task === 'token-classification') return finish(x);
  if (config.pool === 'none') {
    if (position === undefined) return finish(chosenByClient(lowering, x));
    if (!Number.isInteger(position) || position < 0 || position >= tokens) {
      throw new ShapeError(`Position ${position} is not one of the ${tokens} tokens: give 0 to ${tokens - 1}.`);
    }
    return finish(reduce(x, oneHot(position)));
  }
  const mean = (view: View) =>
    hasPadding(config) ? chosenByClient(lowering, view) : reduce(view, new Float32Array(tokens).fill(1 / tokens));
  const { kind } = normAt(config, 'norm');
  return config.finalNorm && (kind === 'layer' || kind === 'rms') ? mean(finish(x)) : finish(mean(x));
}

/** Rows weighted by a column of the client's: a mean over tokens that only the client can count, or its last token. */
function chosenByClient(lowering: Lowering, view: View): View {
  const { graph } = lowering;
  const mask = graph.input('pooling', 1);
  const rows = graph.maskTokens('pooling.rows', view.node, mask);
  return pooled(lowering, view, rows, new Float32Array(graph.tokens).fill(1));
}

function pooled({ graph, centredNodes }: Lowering, view: View, node: number, weights: Float32Array): View {
  const row = graph.push('pool', { op: 'pool', input: node, weights });
  if (centredNodes.has(view.node)) centredNodes.add(row);
  return { ...view, node: row };
}

/** The node of the logits [1, outputs], of every token [tokens, outputs], or of an embedding, whose length is left to its reader. */
function head(lowering: Lowering, row: View): number {
  const { config, stored, graph } = lowering;
  const { outputs, hidden, norm, bias, tied } = config.head;
  let x = norm ? lowerNorm(lowering, 'head.norm', config.norm, row) : row;
  if (hidden) {
    const weight = stored.matrix('head.hidden.weight', hidden.width, pooledWidth(config));
    x = applyLinear(x, weight, stored.vector('head.hidden.bias', hidden.width));
    x = lowerActivation(lowering, 'head.activation', hidden.activation, x, 'head.hidden');
  }
  if (config.head.none) return graph.materialise('head', applyLinear(x, identity(outputs)));
  const weight = stored.matrix(tied ? 'embedding.token.weight' : 'head.weight', outputs, x.width);
  return graph.materialise('head', applyLinear(x, weight, bias ? stored.vector('head.bias', outputs) : undefined));
}

function identity(size: number): Dense {
  const values = new Float64Array(size ** 2);
  for (let i = 0; i < size; i++) values[i * (size + 1)] = 1;
  return { rows: size, columns: size, values };
}

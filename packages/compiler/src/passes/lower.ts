import { LayoutError } from '../errors.ts';
import { type Geometry, tokenSlot } from '../packing/geometry.ts';
import type { Normalised } from './factors.ts';
import type { Lowered } from './groups.ts';
import { KeptTensors, type TokenPosition } from './kept.ts';
import { chooseLayouts } from './layouts.ts';
import { Lowering } from './lowering.ts';
import { operations } from './operations.ts';
import { SentinelLowering } from './sentinel.ts';
import { type SkewStages, Skews } from './skews.ts';

/**
 * Logits may be as many times their bound: nothing breaks where they leave it, as nothing reads them. What wrapped around
 * somewhere is orders beyond.
 */
const farLogit = 4;

export interface LowerOptions {
  /** Values so far apart are one at level 0. */
  readonly period: number;
  /** Of what is kept of keys and values; absent where nothing is. */
  readonly position?: TokenPosition;
}

/** Turns nodes into groups of instructions on packed ciphertexts. Levels and bootstraps come later. */
export function lowerModel(
  normalised: Normalised,
  geometry: Geometry,
  stages: SkewStages,
  { period, position }: LowerOptions,
): Lowered {
  const lowering = new Lowering(geometry, normalised, chooseLayouts(normalised.model, geometry));
  const sentinel = new SentinelLowering(lowering, period);
  const kept = position && new KeptTensors(lowering, position);
  const context = { lowering, skews: new Skews(lowering, stages), sentinel, ...(kept && { kept }) };
  for (const [i, node] of lowering.nodes.entries())
    if (!lowering.isLowered(i)) operations[node.op].lower(node, i, context);
  const { tensors, groups, inputs } = lowering;
  const lowered = { tensors, groups, inputs, output: outputOf(lowering), sentinel: sentinel.result };
  return kept ? { ...lowered, kept: { inputs: kept.inputs, outputs: kept.outputs } } : lowered;
}

/**
 * The output's features at the first token, or of each token where it has them all, token after token; a search's over all of
 * them. Of every ciphertext, example after example.
 */
function outputOf(lowering: Lowering): Lowered['output'] {
  const { geometry } = lowering;
  const { batch, rowLength } = geometry;
  const common = {
    factor: 1 / lowering.factors[lowering.output]!,
    limit: farLogit * lowering.nodes[lowering.output]!.bound,
  };
  if (lowering.scattered) return { ...lowering.scattered, ...common };
  const { rows, uniform, extent } = lowering.matrixLayout(lowering.output);
  if (extent.tokens > 1 && rows.blocks.length > 1)
    throw new LayoutError(
      `${lowering.nodes[lowering.output]!.name} has more outputs for each of ${extent.tokens} tokens than a ciphertext holds: use fewer classes, or fewer tokens`,
    );
  const reads = rows.blocks.map((block, k) => {
    const order = [...block.keys()].filter((row) => block[row]! >= 0).sort((a, b) => block[a]! - block[b]!);
    const slots = Array.from({ length: batch }, (_, example) =>
      Array.from({ length: extent.tokens }, (_, token) =>
        order.map((row) => row * rowLength + tokenSlot(geometry, example, token)),
      ),
    );
    return { ciphertext: uniform ? 0 : k, slots: Int32Array.from(slots.flat(2)) };
  });
  return {
    tensor: lowering.tensorOf(lowering.output),
    reads,
    ...common,
    period: rows.period * rowLength,
  };
}

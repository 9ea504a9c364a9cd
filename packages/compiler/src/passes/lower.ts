import type { Geometry } from '../packing/geometry.ts';
import type { Normalised } from './factors.ts';
import type { Lowered } from './groups.ts';
import { chooseLayouts } from './layouts.ts';
import { AttentionLowering, type SkewStages } from './lower-attention.ts';
import { diagonalAndSumOf, lowerDiagonalAndSum } from './lower-diagonal-and-sum.ts';
import { lowerAdd, lowerAddTable, lowerMaskTokens, lowerMeanFeatures, lowerMultiply, lowerPolynomial } from './lower-elementwise.ts'; // biome-ignore format: one import
import { isAbsorbed, lowerLinear, lowerPool, lowerRescale } from './lower-linear.ts';
import { Lowering } from './lowering.ts';
import { SentinelLowering } from './sentinel.ts';

/**
 * Logits may be as many times their bound: nothing breaks where they leave it, as nothing reads them. What wrapped around
 * somewhere is orders beyond.
 */
const farLogit = 4;

/** Turns nodes into groups of instructions on packed ciphertexts. Levels and bootstraps come later. */
export function lowerModel(normalised: Normalised, geometry: Geometry, stages: SkewStages): Lowered {
  const lowering = new Lowering(geometry, normalised, chooseLayouts(normalised.model, geometry));
  const attention = new AttentionLowering(lowering, stages);
  const sentinel = new SentinelLowering(lowering);
  for (const [i, node] of lowering.nodes.entries()) {
    if (lowering.isLowered(i)) continue;
    switch (node.op) {
      case 'input':
        lowerInput(lowering, i);
        break;
      case 'linear': {
        const parts = diagonalAndSumOf(lowering, i);
        if (parts) lowerDiagonalAndSum(lowering, i, parts);
        else lowerLinear(lowering, i);
        break;
      }
      case 'pool':
        if (!isAbsorbed(lowering, i)) lowerPool(lowering, i);
        break;
      case 'rescale':
        lowerRescale(lowering, i, node.input);
        break;
      case 'addTable':
        lowerAddTable(lowering, i);
        break;
      case 'add':
        lowerAdd(lowering, i);
        break;
      case 'multiply':
        lowerMultiply(lowering, i);
        break;
      case 'maskTokens':
        lowerMaskTokens(lowering, i);
        break;
      case 'meanFeatures':
        lowerMeanFeatures(lowering, i);
        break;
      case 'polynomial':
        sentinel.watch(i);
        lowerPolynomial(lowering, i);
        break;
      case 'scores':
        attention.scores(i);
        break;
      case 'attend':
        attention.attend(i);
    }
  }
  const { parts, groups, inputs } = lowering;
  return { parts, groups, inputs, output: outputOf(lowering), sentinel: sentinel.result };
}

/** Values [batch, tokens, features] of the client, row by row and repeated with the layout's period. */
function lowerInput(lowering: Lowering, node: number): void {
  const { batch, paddedTokens, slots, rowLength } = lowering.geometry;
  const { rows, tokens } = lowering.matrixLayout(node);
  const features = rows.blocks.reduce((most, block) => Math.max(most, ...block.map((feature) => feature + 1)), 0);
  const sources = rows.blocks.map((block) => {
    const source = new Int32Array(slots).fill(-1);
    for (let slot = 0; slot < slots; slot++) {
      const feature = block[Math.floor(slot / rowLength) % rows.period]!;
      const example = Math.floor(slot / paddedTokens) % batch;
      const token = slot % paddedTokens;
      if (feature >= 0 && token < tokens) source[slot] = (example * tokens + token) * features + feature;
    }
    return source;
  });
  const { name } = lowering.nodes[node]!;
  lowering.inputs.push({ part: lowering.definePart(node), name, factor: lowering.factors[node]!, sources });
}

/** The output's features at the first token: of every ciphertext, example after example. */
function outputOf(lowering: Lowering): Lowered['output'] {
  const { batch, paddedTokens, rowLength } = lowering.geometry;
  const { rows, uniform } = lowering.matrixLayout(lowering.output);
  const reads = rows.blocks.map((block, k) => {
    const order = [...block.keys()].filter((row) => block[row]! >= 0).sort((a, b) => block[a]! - block[b]!);
    const slots = Array.from({ length: batch }, (_, example) =>
      order.map((row) => row * rowLength + example * paddedTokens),
    );
    return { ciphertext: uniform ? 0 : k, slots: Int32Array.from(slots.flat()) };
  });
  return {
    part: lowering.partOf(lowering.output),
    reads,
    factor: 1 / lowering.factors[lowering.output]!,
    limit: farLogit * lowering.nodes[lowering.output]!.bound,
    period: rows.period * rowLength,
  };
}

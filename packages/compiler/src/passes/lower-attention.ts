import type { NodeOf } from '@cipherformer/nn/polynomial';
import { attendSteps, attendTerms, type MaskNumber, scoreTerms } from '../packing/attention.ts';
import type { HeadLayout } from '../packing/layout.ts';
import { SkewMatrix } from '../packing/skew.ts';
import { MapVector } from '../packing/vectors.ts';
import type { Register } from '../program/instructions.ts';
import type { Emitter } from './groups.ts';
import { emitRotateSum, emitVectors, type Lowering, spread } from './lowering.ts';

/** Parts with the skewed copy of a key or value, by node. */
export type Skews = Map<number, number>;

/** Scores: skew the keys (one level), then products with the queries (two levels for them, one for the keys). */
export function lowerScores(lowering: Lowering, node: number, skews: Skews): void {
  const { geometry, factors } = lowering;
  const { name, query, key, offset } = lowering.nodes[node] as NodeOf<'scores'>;
  const layout = lowering.mapLayout(node);
  const skewed = skewedPart(lowering, key, layout, skews);
  const shift = lowering.shiftOf(node);
  const factor = factors[node]!;
  lowering.groups.push({
    source: name,
    operands: [
      { part: lowering.partOf(query), above: 2 },
      { part: skewed, above: 1 },
    ],
    results: [lowering.definePart(node)],
    emit(emitter, level, [queries, keys]) {
      const terms = scoreTerms(geometry, layout, maskNumber(emitter, layout));
      const lefts = spread(queries!, layout.blocks);
      const products = spread(keys!, layout.blocks).map((right, k) => {
        const output = emitter.register();
        emitter.push({ op: 'productSum', source: name, level: level + 2, left: lefts[k]!, right, terms, output });
        return output;
      });
      if (!offset && shift === 0) return [products];
      const vectors = products.map(
        (_, block) => new MapVector(geometry, layout, block, (head) => (offset?.[head] ?? 0) * factor + shift),
      );
      return [emitVectors(emitter, name, level, products, vectors)];
    },
  });
}

/** Maps times values: skew the values (one level), then products (two levels for the values, one for the maps). */
export function lowerAttend(lowering: Lowering, node: number, skews: Skews): void {
  const { geometry } = lowering;
  const { name, maps, value, causal } = lowering.nodes[node] as NodeOf<'attend'>;
  const mapHeads = lowering.mapLayout(maps);
  const layout = valueLayout(lowering, value, mapHeads);
  const skewed = skewedPart(lowering, value, layout, skews);
  const steps = attendSteps(geometry, layout);
  lowering.groups.push({
    source: name,
    operands: [
      { part: lowering.partOf(maps), above: 1 },
      { part: skewed, above: 2 },
    ],
    results: [lowering.definePart(node)],
    emit(emitter, level, [lefts, values]) {
      const terms = attendTerms(geometry, layout, causal, maskNumber(emitter, layout));
      const products = spread(values!, layout.blocks).map((right, k) => {
        const output = emitter.register();
        emitter.push({ op: 'productSum', source: name, level: level + 2, left: lefts![k]!, right, terms, output });
        return output;
      });
      return [emitRotateSum(emitter, name, level, products, steps)];
    },
  });
}

/** The heads of a value have the width of its features; rows are shared as those of the maps. */
function valueLayout(lowering: Lowering, value: number, maps: HeadLayout): HeadLayout {
  const { rows } = lowering.matrixLayout(value);
  const paddedWidth = rows.period / maps.headsPerBlock;
  return { ...maps, paddedWidth };
}

function skewedPart(lowering: Lowering, node: number, layout: HeadLayout, skews: Skews): number {
  const known = skews.get(node);
  if (known !== undefined) return known;
  const source = `${lowering.nodes[node]!.name} (skew)`;
  const matrix = new SkewMatrix(lowering.geometry, layout);
  const { babySteps, giantSteps } = matrix.steps();
  const part = lowering.extraPart(node, ' (skew)', layout.blocks);
  lowering.groups.push({
    source,
    operands: [{ part: lowering.partOf(node), above: 1 }],
    results: [part],
    emit(emitter, level, [registers]) {
      const skewed = spread(registers!, layout.blocks).map((input): Register => {
        const output = emitter.register();
        emitter.push({
          op: 'linear', source, level: level + 1, inputs: [input], outputs: [output], matrix, babySteps, giantSteps,
        }); // biome-ignore format: one instruction
        return output;
      });
      return [skewed];
    },
  });
  skews.set(node, part);
  return part;
}

/** Masks by column are the same for all attentions with as many heads in a ciphertext. */
function maskNumber(emitter: Emitter, { headsPerBlock }: HeadLayout): MaskNumber {
  return (key, make) => emitter.mask(`${key} heads ${headsPerBlock}`, make);
}

import type { Register } from '@cipherformer/runtime';
import { LayoutError } from '../errors.ts';
import { doublingSteps, type Geometry } from '../packing/geometry.ts';
import { type HeadLayout, headLayout, type RowLayout } from '../packing/layout.ts';
import { ScaleMatrix } from '../packing/scale-matrix.ts';
import type { Emitter } from './groups.ts';
import { attendMeaning, scoresMeaning } from './lower-attention.ts';
import { emitRotateSum, emitVectors, spread } from './lowering.ts';
import type { TokenAttendNode, TokenScoresNode } from './meaning.ts';
import type { LowerContext, Operations } from './operation.ts';

/** Attention of one new token to all tokens, whose keys and values were kept. */
export const tokenOperations: Operations<'tokenScores' | 'tokenAttend'> = {
  tokenScores: { ...scoresMeaning, lower: lowerTokenScores },
  tokenAttend: {
    ...attendMeaning,
    byHeads: ({ maps, value }, shapes) => ({ heads: shapes[maps]!.columns, matrices: [maps, value] }),
    lower: lowerTokenAttend,
  },
};

/** query * key slot by slot, summed over the features of a head: each row of a head holds the score of its token. One level. */
function lowerTokenScores(node: TokenScoresNode, i: number, { lowering, kept }: LowerContext): void {
  const { geometry, factors } = lowering;
  const { name, query, key, heads, offset } = node;
  const layout = layoutOf(geometry, name, lowering.matrixLayout(key).rows, heads);
  const keys = kept!.withNewToken(key);
  const shift = lowering.shiftOf(i);
  const steps = doublingSteps(layout.stride, layout.paddedWidth);
  const vectors =
    offset || shift !== 0
      ? lowering.featureVectors(
          i,
          (head, token) => (offset?.[head * geometry.tokens + token] ?? 0) * factors[i]! + shift,
        )
      : undefined;
  lowering.groups.push({
    source: name,
    operands: [
      { tensor: lowering.tensorOf(query), above: 1 },
      { tensor: keys, above: 1 },
    ],
    results: [lowering.defineTensor(i)],
    emit(emitter, level, [queries, all]) {
      const products = emitPairs(emitter, name, level + 1, queries!, all!, layout.blocks);
      const sums = emitRotateSum(emitter, name, level, products, steps);
      return [vectors ? emitVectors(emitter, name, level, sums, vectors) : sums];
    },
  });
}

/** Values times weights, then times maps, summed over tokens: right at the first one. One level, one more for the values. */
function lowerTokenAttend(node: TokenAttendNode, i: number, { lowering, kept }: LowerContext): void {
  const { geometry } = lowering;
  const { name, maps, value, weights } = node;
  const heads = weights.length / geometry.tokens;
  const layout = layoutOf(geometry, name, lowering.matrixLayout(value).rows, heads);
  const values = kept!.withNewToken(value);
  const matrix = new ScaleMatrix(
    lowering.featureVectors(
      value,
      (feature, token) => weights[Math.floor(feature / layout.headWidth) * geometry.tokens + token]!,
    ),
  );
  const steps = doublingSteps(1, geometry.paddedTokens);
  lowering.groups.push({
    source: name,
    operands: [
      { tensor: lowering.tensorOf(maps), above: 1 },
      { tensor: values, above: 2 },
    ],
    results: [lowering.defineTensor(i)],
    emit(emitter, level, [lefts, all]) {
      const inputs = spread(all!, layout.blocks);
      const outputs = inputs.map(() => emitter.register());
      emitter.push({
        op: 'linear', source: name, level: level + 2, inputs, outputs, matrix, babySteps: [0], giantSteps: [0],
      }); // biome-ignore format: one instruction
      const products = emitPairs(emitter, name, level + 1, lefts!, outputs, layout.blocks);
      return [emitRotateSum(emitter, name, level, products, steps)];
    },
  });
}

function emitPairs(
  emitter: Emitter,
  source: string,
  level: number,
  lefts: readonly Register[],
  rights: readonly Register[],
  blocks: number,
): Register[] {
  const others = spread(rights, blocks);
  return spread(lefts, blocks).map((left, k) => {
    const output = emitter.register();
    emitter.push({ op: 'multiply', source, level, left, right: others[k]!, output });
    return output;
  });
}

/**
 * How the heads of keys or values lie. The maps' heads are a row each and have to lie alike.
 * @throws LayoutError for heads wider than there are tokens, of which fewer fit a ciphertext
 */
function layoutOf(geometry: Geometry, name: string, rows: RowLayout, heads: number): HeadLayout {
  const features = rows.blocks.reduce((most, block) => Math.max(most, ...block.map((feature) => feature + 1)), 0);
  const layout = headLayout(heads, features / heads, geometry);
  if (headLayout(heads, 1, geometry).headsPerBlock !== layout.headsPerBlock)
    throw new LayoutError(
      `${name} has heads of ${layout.headWidth} features and ${geometry.tokens} tokens: use at least as many tokens`,
    );
  return layout;
}

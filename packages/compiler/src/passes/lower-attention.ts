import type { NodeOf } from '@cipherformer/model';
import type { Register } from '@cipherformer/runtime';
import {
  attendSteps,
  attendTerms,
  type MaskNumber,
  type PairedTerms,
  scoreTerms,
  type Terms,
} from '../packing/attention.ts';
import type { HeadLayout } from '../packing/layout.ts';
import { keyRange, valueRange } from '../packing/skew.ts';
import { MapVector } from '../packing/vectors.ts';
import { Emitter } from './groups.ts';
import { emitRotateSum, emitVectors, spread } from './lowering.ts';
import type { Meaning, TokenAttendNode, TokenScoresNode } from './meaning.ts';
import type { LowerContext, Operations } from './operation.ts';

/** Scores of all tokens' queries, and of one new token's. */
export const scoresMeaning: Meaning<NodeOf<'scores'> | TokenScoresNode> = {
  factor: ({ key, query }) => ({ kind: 'product', kept: key, changed: query }),
  sameLayout: () => [],
  byHeads: ({ heads, query, key }) => ({ heads, matrices: [query, key] }),
  emptyRowsAreZero: () => false,
  otherSlotsAreZero: ({ query, key }, zero) => zero(query) && zero(key),
  // Products of rows without a feature vanish where either side is clean.
  spoilt: ({ query, key }, unclean) => (unclean(query) && unclean(key) ? key : undefined),
  takesShift: true,
};

/** Values weighted by maps, for all tokens and for one new one. */
export const attendMeaning: Meaning<NodeOf<'attend'> | TokenAttendNode> = {
  factor: ({ maps, value }) => ({ kind: 'product', kept: maps, changed: value }),
  sameLayout: () => [],
  emptyRowsAreZero: ({ value }, zero) => zero(value),
  otherSlotsAreZero: () => false,
  takesShift: false,
};

export const attentionOperations: Operations<'scores' | 'attend'> = {
  scores: { ...scoresMeaning, lower: lowerScores },
  attend: {
    ...attendMeaning,
    byHeads: ({ maps, value }, shapes) => ({ heads: shapes[maps]!.heads!, matrices: [value], maps }),
    lower: lowerAttend,
  },
};

/** Scores: skew the keys, then one level for products with the queries, and one before where queries have masks. */
function lowerScores(node: NodeOf<'scores'>, i: number, { lowering, skews, kept }: LowerContext): void {
  const { geometry, factors } = lowering;
  const { name, query, key, offset, heads } = node;
  const layout = lowering.mapLayout(i);
  kept?.keep(key);
  const skewed = skews.tensorOf(key, layout, 'keys', keyRange(geometry, layout));
  const shift = lowering.shiftOf(i);
  const { tokens } = geometry;
  const { windows } = lowering.layouts[i]!.extent;
  const offsetAt = (head: number, query: number, key: number) => {
    if (!offset) return 0;
    return offset.length === heads ? offset[head]! : offset[(head * windows * tokens + query) * tokens + key]!;
  };
  const factor = factors[i]!;
  const terms = (emitter: Emitter) => scoreTerms(geometry, layout, maskNumber(emitter, layout));
  lowering.groups.push({
    source: name,
    operands: [
      { tensor: lowering.tensorOf(query), above: levelsOfTerms(terms(new Emitter())) },
      { tensor: skewed, above: 1 },
    ],
    results: [lowering.defineTensor(i)],
    emit(emitter, level, [queries, keys]) {
      const all = terms(emitter);
      const products = emitProducts(emitter, name, level, queries!, keys!, layout.blocks, () => all);
      if (!offset && shift === 0) return [products];
      const vectors = products.map(
        (_, block) =>
          new MapVector(
            geometry,
            layout,
            block,
            windows,
            (head, query, key) => offsetAt(head, query, key) * factor + shift,
          ),
      );
      return [emitVectors(emitter, name, level, products, vectors)];
    },
  });
}

/** Maps times values: skew the values, then one level for the products, and one before where values have masks. */
function lowerAttend(node: NodeOf<'attend'>, i: number, { lowering, skews, kept }: LowerContext): void {
  const { geometry } = lowering;
  const { name, maps, value, causal, weights } = node;
  const mapHeads = lowering.mapLayout(maps);
  // The heads of a value have the width of its features; rows are shared as those of the maps.
  const { period } = lowering.matrixLayout(value).rows;
  const layout = { ...mapHeads, paddedWidth: period / mapHeads.headsPerBlock };
  kept?.keep(value);
  const skewed = skews.tensorOf(value, layout, 'values', valueRange(geometry, layout));
  const steps = attendSteps(geometry, layout);
  const { tokens } = geometry;
  const { windows } = lowering.layouts[maps]!.extent;
  const keyWeights = (block: number) =>
    weights && {
      key: `${name} ${block}`,
      block,
      windows,
      at: (head: number, query: number, key: number) => weights[(head * windows * tokens + query) * tokens + key]!,
    };
  const terms = (emitter: Emitter, block: number) =>
    attendTerms(geometry, layout, causal, maskNumber(emitter, layout), keyWeights(block));
  lowering.groups.push({
    source: name,
    operands: [
      { tensor: lowering.tensorOf(maps), above: 1 },
      { tensor: skewed, above: levelsOfTerms(terms(new Emitter(), 0)) },
    ],
    results: [lowering.defineTensor(i)],
    emit(emitter, level, [lefts, values]) {
      const products = emitProducts(emitter, name, level, lefts!, values!, layout.blocks, (block) =>
        terms(emitter, block),
      );
      return [emitRotateSum(emitter, name, level, products, steps)];
    },
  });
}

/**
 * Levels from the side that is ready earlier to the result: a level for its masks, or to bring it to half the scale, which lets terms
 * without masks be packed.
 */
function levelsOfTerms({ masked, plain }: Terms): number {
  return masked.terms.length > 0 || plain.packing ? 2 : 1;
}

/** The sum of all terms for each block, at `level`. */
function emitProducts(
  emitter: Emitter,
  source: string,
  level: number,
  lefts: readonly Register[],
  rights: readonly Register[],
  blocks: number,
  termsOf: (block: number) => Terms,
): Register[] {
  const others = spread(rights, blocks);
  const product = (left: Register, right: Register, { terms, packing }: PairedTerms, levels: number): Register => {
    const output = emitter.register();
    const sum = { op: 'productSum', source, level: level + levels, left, right, terms, output } as const;
    emitter.pushCheapest([[sum], ...(packing ? [[{ ...sum, packing }]] : [])]);
    return output;
  };
  return spread(lefts, blocks).map((left, k) => {
    const right = others[k]!;
    const { plain, masked } = termsOf(k);
    if (masked.terms.length === 0) return product(left, right, plain, 1);
    const first = product(left, right, masked, 2);
    if (plain.terms.length === 0) return first;
    const second = product(left, right, plain, 1);
    const output = emitter.register();
    emitter.push({ op: 'add', source, level, left: first, right: second, output });
    return output;
  });
}

/** Masks by column are the same for all attentions with as many heads in a ciphertext; weights name theirs. */
function maskNumber(emitter: Emitter, { headsPerBlock }: HeadLayout): MaskNumber {
  return (key, make) => emitter.mask(`${key} heads ${headsPerBlock}`, make);
}

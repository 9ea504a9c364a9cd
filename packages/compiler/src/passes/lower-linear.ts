import type { NodeOf } from '@cipherformer/model';
import type { Register, SlotVector } from '@cipherformer/runtime';
import { doublingSteps } from '../packing/geometry.ts';
import { type RowMap, RowMatrix } from '../packing/row-matrix.ts';
import { ScaleMatrix } from '../packing/scale-matrix.ts';
import { TokenMatrix } from '../packing/token-matrix.ts';
import { ciphertextsOf } from './layouts.ts';
import { diagonalAndSumOf, lowerDiagonalAndSum } from './lower-diagonal-and-sum.ts';
import { isScattered, lowerScattered } from './lower-scattered.ts';
import { emitRotateSum, emitVectors, type Lowering, spread, tokenWeights } from './lowering.ts';
import type { RescaleNode } from './meaning.ts';
import type { Operations } from './operation.ts';

/** What is a matrix on slots. */
export const linearOperations: Operations<'linear' | 'multiplyTable' | 'pool' | 'takeRows' | 'rescale'> = {
  linear: {
    factor: () => ({ kind: 'free' }),
    sameLayout: () => [],
    emptyRowsAreZero: () => true,
    // With the pool before it, parts of the pool's sum are left at other tokens.
    otherSlotsAreZero({ input }, _, nodes) {
      const pool = nodes[input]!;
      return pool.op !== 'pool' || takesFirstToken(pool);
    },
    takesShift: true,
    lower(node, i, { lowering }) {
      const pool = absorbedPool(lowering, i);
      if (pool && isScattered(lowering, i, pool)) return lowerScattered(lowering, i, pool);
      const parts = diagonalAndSumOf(lowering, i);
      if (parts) lowerDiagonalAndSum(lowering, node, i, parts);
      else lowerLinear(lowering, node, i);
    },
  },
  multiplyTable: {
    factor: () => ({ kind: 'free' }),
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: () => true,
    otherSlotsAreZero: () => true,
    takesShift: false,
    lower: (node, i, { lowering }) => lowerMultiplyTable(lowering, node, i),
  },
  pool: {
    factor: ({ input }) => ({ kind: 'shared', operands: [input] }),
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: ({ input }, zero) => zero(input),
    otherSlotsAreZero: takesFirstToken,
    takesShift: false,
    lower(node, i, { lowering }) {
      if (!isAbsorbed(lowering, i)) lowerPool(lowering, node, i);
    },
  },
  takeRows: {
    factor: () => ({ kind: 'free' }),
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: ({ input }, zero) => zero(input),
    // What is left of other tokens is masked; rows without a feature move as the others do.
    otherSlotsAreZero: ({ input }, zero) => zero(input),
    takesShift: false,
    lower: (node, i, { lowering }) => lowerTakeRows(lowering, node, i),
  },
  rescale: {
    factor: () => ({ kind: 'free' }),
    sameLayout: ({ input }) => [input],
    emptyRowsAreZero: () => true,
    otherSlotsAreZero: () => true,
    takesShift: false,
    lower: (node, i, { lowering }) => lowerRescale(lowering, node, i),
  },
};

/** A linear map with the pooling of its input folded into its diagonals. */
interface Member {
  readonly map: RowMap;
  /** Rotations that add up the tokens after it. */
  readonly tokenSteps: readonly number[];
  readonly vectors?: readonly SlotVector[];
}

/** The pool that a linear map takes in: its input, where nobody else reads it. */
function absorbedPool(lowering: Lowering, node: number): NodeOf<'pool'> | undefined {
  const linear = lowering.nodes[node]!;
  if (linear.op !== 'linear') return undefined;
  const input = lowering.nodes[linear.input]!;
  const alone = lowering.consumers[linear.input]!.length === 1 && linear.input !== lowering.output;
  return input.op === 'pool' && alone ? input : undefined;
}

/** Whether a pool is left to the linear map after it. */
function isAbsorbed(lowering: Lowering, node: number): boolean {
  return lowering.consumers[node]!.some((consumer) => absorbedPool(lowering, consumer) === lowering.nodes[node]);
}

/**
 * All linear maps of one value as one group, which share the rotations of that value: queries, keys and values. Those that
 * are a diagonal and a sum have groups of their own.
 */
function lowerLinear(lowering: Lowering, first: NodeOf<'linear'>, node: number): void {
  const { geometry, nodes, factors } = lowering;
  const pool = absorbedPool(lowering, node);
  const input = pool ? pool.input : first.input;
  const siblings = pool
    ? [node]
    : lowering.consumers[first.input]!.filter((i) => nodes[i]!.op === 'linear' && !diagonalAndSumOf(lowering, i));
  const members = siblings.map((i) => memberOf(lowering, i, input, pool));
  const layout = lowering.matrixLayout(input);
  const matrix = new RowMatrix(geometry, layout.rows, members.map(({ map }) => map)); // biome-ignore format: one call
  const ways = matrix.ways();
  const source = sharedName(siblings.map((i) => nodes[i]!.name));
  const results = siblings.map((i) => lowering.defineTensor(i));
  lowering.groups.push({
    source,
    operands: [{ tensor: lowering.tensorOf(input), above: 1 }],
    results,
    emit(emitter, level, [registers]) {
      const outputs = Array.from({ length: matrix.outputs }, () => emitter.register());
      const inputs = spread(registers!, layout.rows.blocks.length);
      const linear = { op: 'linear', source, level: level + 1, inputs, outputs, matrix } as const;
      emitter.pushCheapest(ways.map((way) => [{ ...linear, ...way }]));
      let taken = 0;
      return members.map(({ map, tokenSteps, vectors }) => {
        const steps = [...matrix.gatherSteps(taken), ...tokenSteps];
        const own: Register[] = outputs.slice(taken, taken + map.output.blocks.length);
        taken += own.length;
        const gathered = emitRotateSum(emitter, source, level, own, steps);
        return vectors ? emitVectors(emitter, source, level, gathered, vectors) : gathered;
      });
    },
  });

  function memberOf(at: Lowering, i: number, from: number, pooling: NodeOf<'pool'> | undefined): Member {
    const { weight, bias } = at.nodes[i] as NodeOf<'linear'>;
    const factor = factors[i]!;
    const shift = at.shiftOf(i);
    const only = at.placed.get(i);
    const map = {
      weight,
      scale: factor / factors[from]!,
      output: at.matrixLayout(i).rows,
      tokenWeights: tokenWeights(at, from, pooling, only),
    };
    const tokenSteps = pooling ? poolSteps(at, pooling) : spreadSteps(at, from, i);
    if (!bias && shift === 0) return { map, tokenSteps };
    const vectors = at.featureVectors(i, (feature, token) =>
      only === undefined || token === only ? (bias?.[feature] ?? 0) * factor + shift : 0,
    );
    return { map, tokenSteps, vectors };
  }
}

/** "layers.0.attention.query + key + value". */
function sharedName(names: readonly string[]): string {
  const [first, ...others] = names;
  const folder = first!.slice(0, first!.lastIndexOf('.') + 1);
  return [first, ...others.map((name) => (name.startsWith(folder) ? name.slice(folder.length) : name))].join(' + ');
}

/** Whether a pool takes the first token as it is: it needs no sum, and leaves zeros at the other tokens. */
function takesFirstToken({ weights }: NodeOf<'pool'>): boolean {
  return weights.every((weight, token) => token === 0 || weight === 0);
}

/** The rotations that add up the weighted tokens, at the first one. */
function poolSteps({ geometry }: Lowering, pool: NodeOf<'pool'>): number[] {
  return takesFirstToken(pool) ? [] : doublingSteps(1, geometry.windows * geometry.paddedTokens);
}

/** The rotations that give every token what the first one holds, where a value of one token becomes one of all. */
function spreadSteps({ geometry, layouts }: Lowering, from: number, to: number): number[] {
  const single = layouts[from]!.extent.tokens === 1 && layouts[to]!.extent.tokens > 1;
  return single ? doublingSteps(-1, geometry.paddedTokens) : [];
}

/** A pool by itself: tokens weighted, then added up; the sum is right at the first token. */
function lowerPool(lowering: Lowering, pool: NodeOf<'pool'>, node: number): void {
  const { input, weights, name } = pool;
  const scale = lowering.factors[node]! / lowering.factors[input]!;
  const vectors = lowering.featureVectors(input, (_, token) => weights[token]! * scale);
  lowerScaling(lowering, node, input, vectors, poolSteps(lowering, pool), name);
}

/** Tokens turned to where they belong, told apart by masks. */
function lowerTakeRows(lowering: Lowering, { input, rows, name }: NodeOf<'takeRows'>, node: number): void {
  const { geometry, factors } = lowering;
  const matrix = new TokenMatrix(geometry, rows, factors[node]! / factors[input]!);
  const blocks = ciphertextsOf(lowering.layouts[node]!);
  const ways = matrix.ways(blocks);
  lowering.groups.push({
    source: name,
    operands: [{ tensor: lowering.tensorOf(input), above: 1 }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      const inputs = spread(registers!, blocks);
      const outputs = inputs.map(() => emitter.register());
      const linear = { op: 'linear', source: name, level: level + 1, inputs, outputs, matrix } as const;
      emitter.pushCheapest(ways.map((way) => [{ ...linear, ...way }]));
      return [outputs];
    },
  });
}

/** A factor for each number. Rows without a feature and padding become zero. */
function lowerMultiplyTable(lowering: Lowering, { input, table, name }: NodeOf<'multiplyTable'>, node: number): void {
  const scale = lowering.factors[node]! / lowering.factors[input]!;
  const vectors = lowering.featureVectors(node, (f, t) => table.values[t * table.columns + f]! * scale);
  lowerScaling(lowering, node, input, vectors, [], name);
}

/** A factor that nothing else could take. Rows without a feature and padding become zero. */
function lowerRescale(lowering: Lowering, { input, name }: RescaleNode, node: number): void {
  // By the layout of the result: of an input that is alike in all rows it is a ciphertext for each of theirs.
  const vectors = lowering.constantVectors(node, lowering.factors[node]! / lowering.factors[input]!);
  lowerScaling(lowering, node, input, vectors, [], name);
}

function lowerScaling(
  lowering: Lowering,
  node: number,
  input: number,
  vectors: readonly SlotVector[],
  steps: readonly number[],
  source: string,
): void {
  const matrix = new ScaleMatrix(vectors);
  lowering.groups.push({
    source,
    operands: [{ tensor: lowering.tensorOf(input), above: 1 }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      const inputs = spread(registers!, vectors.length);
      const outputs = inputs.map(() => emitter.register());
      emitter.push({
        op: 'linear', source, level: level + 1, inputs, outputs, matrix, babySteps: [0], giantSteps: [0],
      }); // biome-ignore format: one instruction
      return [emitRotateSum(emitter, source, level, outputs, steps)];
    },
  });
}

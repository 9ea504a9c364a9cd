import type { NodeOf } from '@cipherformer/model';
import type { Instruction, Register } from '@cipherformer/runtime';
import { type DiagonalAndSum, DiagonalAndSumMatrix, diagonalAndSum } from '../packing/diagonal-and-sum.ts';
import { doublingSteps } from '../packing/geometry.ts';
import type { RowLayout } from '../packing/layout.ts';
import { RowMatrix } from '../packing/row-matrix.ts';
import { emptyRowsAreZero, hasEmptyRows } from './empty-rows.ts';
import { emitVectors, type Lowering, spread, tokenWeights } from './lowering.ts';

/**
 * The parts of a linear map that is a diagonal and a sum over the features, where its value can be summed over rows: in
 * the layout of the result, with zeros in rows without a feature.
 */
export function diagonalAndSumOf(lowering: Lowering, node: number): DiagonalAndSum | undefined {
  const { nodes } = lowering;
  const linear = nodes[node]!;
  if (linear.op !== 'linear' || nodes[linear.input]!.op === 'pool') return undefined;
  const from = lowering.matrixLayout(linear.input);
  if (from.extent.tokens !== lowering.matrixLayout(node).extent.tokens || lowering.placed.has(node)) return undefined;
  if (from.uniform || !sameRows(from.rows, lowering.matrixLayout(node).rows)) return undefined;
  if (hasEmptyRows(from) && !emptyRowsAreZero(lowering, linear.input)) return undefined;
  return diagonalAndSum(linear.weight);
}

/**
 * A group of its own: it shares no rotations with other maps of the value, so it need not share their level either. The sum
 * over the features, log2(rows) rotations, then two products at one level; or the dense matrix, where that costs less.
 */
export function lowerDiagonalAndSum(
  lowering: Lowering,
  { input, weight, bias, name: source }: NodeOf<'linear'>,
  node: number,
  { diagonal, sum }: DiagonalAndSum,
): void {
  const { geometry, factors } = lowering;
  const { rows } = lowering.matrixLayout(input);
  const blocks = rows.blocks.length;
  const factor = factors[node]!;
  const scale = factor / factors[input]!;
  const matrix = new DiagonalAndSumMatrix(
    lowering.featureVectors(node, (feature) => diagonal[feature]! * scale),
    lowering.featureVectors(node, (feature) => sum[feature]! * scale),
  );
  const dense = new RowMatrix(geometry, rows, [
    { weight, scale, output: rows, tokenWeights: tokenWeights(lowering, input) },
  ]);
  const ways = dense.ways();
  const steps = doublingSteps(geometry.rowLength, rows.period);
  const shift = lowering.shiftOf(node);
  const vectors =
    bias || shift !== 0
      ? lowering.featureVectors(node, (feature) => (bias?.[feature] ?? 0) * factor + shift)
      : undefined;
  lowering.groups.push({
    source,
    operands: [{ tensor: lowering.tensorOf(input), above: 1 }],
    results: [lowering.defineTensor(node)],
    emit(emitter, level, [registers]) {
      const at = level + 1;
      const inputs = spread(registers!, blocks);
      const outputs = inputs.map(() => emitter.register());
      const linear = { op: 'linear', source, level: at, outputs } as const;
      const summing: Instruction[] = [];
      const total = inputs.reduce((left, right): Register => {
        const output = emitter.register();
        summing.push({ op: 'add', source, level: at, left, right, output });
        return output;
      });
      const everywhere = emitter.register();
      summing.push({ op: 'rotateSum', source, level: at, input: total, steps, output: everywhere });
      emitter.pushCheapest([
        [...summing, { ...linear, inputs: [...inputs, everywhere], matrix, babySteps: [0], giantSteps: [0] }],
        ...ways.map((way): Instruction[] => [{ ...linear, inputs, matrix: dense, ...way }]),
      ]);
      return [vectors ? emitVectors(emitter, source, level, outputs, vectors) : outputs];
    },
  });
}

function sameRows(a: RowLayout, b: RowLayout): boolean {
  return (
    a.blocks.length === b.blocks.length &&
    a.blocks.every(
      (block, k) =>
        block.length === b.blocks[k]!.length && block.every((feature, row) => feature === b.blocks[k]![row]),
    )
  );
}

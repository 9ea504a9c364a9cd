import { elementCount } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { rawAdd, rawMul, rawScale } from '../ops/elementwise.ts';
import { rawMatmul } from '../ops/matmul.ts';
import { rawReduce } from '../ops/reduce.ts';
import { rawReshape, rawSplit, rawTranspose } from '../ops/shape.ts';
import type { ParameterGroup } from './groups.ts';
import { type Update, updatedWeights } from './optimiser.ts';

/**
 * Muon (Jordan et al., 2024): a matrix moves along the orthogonal matrix nearest to its averaged gradient, so that all
 * directions of a layer are learned alike, also those that few examples ask for.
 *
 * The step is 0.2 sqrt(longer side) times that matrix, whose entries then are as large as AdamW's in the mean (Liu et al.,
 * "Muon is scalable for LLM training", 2025, section 2.2): one learning rate and one weight decay serve both rules.
 */
export const muon: Update = (group, state, gradient, factor, scalars, options) => {
  const { momentum } = options.muon!;
  const fresh = rawMul(gradient, rawScale(factor, 1 - momentum));
  const moment1 = rawAdd(rawScale(state.moment1!, momentum), fresh);
  const ahead = rawAdd(rawScale(moment1, momentum), fresh);
  return { moment1, ...updatedWeights(group, state, directions(group, ahead), scalars.learningRate, scalars) };
};

/** Coefficients and steps of the Newton-Schulz iteration: singular values come within 0.7 to 1.2 of 1, which serves as well as 1. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const;
const iterations = 5;

/**
 * Matrices [count, rows, columns], rows <= columns, with nearly all singular values about 1: x <- a x + b (x x^T) x +
 * c (x x^T)^2 x, begun at the Frobenius norm 1. Costs 4 rows^2 columns + 2 rows^3 operations an iteration and matrix.
 */
export function newtonSchulz(matrices: Tensor): Tensor {
  const { program } = matrices;
  const squares = rawReduce('ReduceSumSquare', matrices, [1, 2], true);
  const norms = program.emit1('Sqrt', [squares], squares.shape);
  let x = program.emit1('Div', [matrices, rawAdd(norms, program.scalar(1e-12))], matrices.shape);
  for (let i = 0; i < iterations; i++) {
    const gram = rawMatmul(x, x, { transB: true });
    const powers = rawAdd(rawScale(gram, b), rawMatmul(gram, gram, { alpha: c }));
    x = rawAdd(rawScale(x, a), rawMatmul(powers, x));
  }
  return x;
}

/** The steps of a flat group's matrices in units of the learning rate; matrices of one shape are done together. */
function directions(group: ParameterGroup, flat: Tensor): Tensor {
  const { program } = flat;
  const matrices = group.specs.flatMap(({ shape, blocks }) => {
    const [rows, columns] = shape as [number, number];
    return (blocks ?? [rows]).map((count) => ({ rows: count, columns }));
  });
  const sizes = matrices.map(({ rows, columns }) => rows * columns);
  const pieces = sizes.length === 1 ? [flat] : rawSplit(flat, 0, sizes);
  const turned = (x: Tensor) => rawTranspose(x, [0, 2, 1]);
  const byShape = new Map<string, { readonly index: number; readonly matrix: Tensor; readonly tall: boolean }[]>();
  matrices.forEach(({ rows, columns }, index) => {
    const tall = rows > columns;
    const piece = rawReshape(pieces[index]!, [1, rows, columns]);
    const matrix = tall ? turned(piece) : piece;
    const key = matrix.shape.join();
    byShape.set(key, [...(byShape.get(key) ?? []), { index, matrix, tall }]);
  });
  const steps = new Map<number, Tensor>();
  for (const alike of byShape.values()) {
    const [, rows, columns] = alike[0]!.matrix.shape as [number, number, number];
    const stack = program.emit1(
      'Concat',
      alike.map(({ matrix }) => matrix),
      [alike.length, rows, columns],
      { axis: { int: 0 } },
    );
    const step = rawScale(newtonSchulz(stack), 0.2 * Math.sqrt(columns));
    const each = rawSplit(
      step,
      0,
      alike.map(() => 1),
    );
    alike.forEach(({ index, tall }, i) => {
      const matrix = tall ? turned(each[i]!) : each[i]!;
      steps.set(index, rawReshape(matrix, [elementCount(matrix.shape)]));
    });
  }
  const inOrder = matrices.map((_, index) => steps.get(index)!);
  return program.emit1('Concat', inOrder, [group.size], { axis: { int: 0 } });
}

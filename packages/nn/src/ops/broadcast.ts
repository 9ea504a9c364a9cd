import { formatShape, type Shape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';

/** The shape two operands broadcast to (ONNX/numpy rules). */
export function broadcastShapes(operation: string, a: Tensor, b: Tensor): number[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a.shape[i - rank + a.shape.length] ?? 1;
    const right = b.shape[i - rank + b.shape.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(
        `${operation} at ${a.program.location}: ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast.`,
      );
    }
    return Math.max(left, right);
  });
}

/** Sums a gradient over the dimensions along which an operand of `shape` was broadcast (backward pass only). */
export function reduceTo(gradient: Tensor, shape: Shape): Tensor {
  if (gradient.shape.join() === shape.join()) return gradient;
  const { program } = gradient;
  const lead = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, i) => (i < lead || (shape[i - lead] === 1 && size !== 1) ? [i] : []));
  const kept = gradient.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const summed = program.emit1('ReduceSum', [gradient, program.integers(axes)], kept, { keepdims: { int: 1 } });
  if (kept.length === shape.length) return summed;
  return program.emit1('Reshape', [summed, program.integers(shape)], shape, { allowzero: { int: 1 } });
}

import { elementCount } from '@cipherformer/model';
import type { Tensor } from '../../onnx/program.ts';
import { rawMul, rawScale, rawSub } from '../../ops/elementwise.ts';
import * as ops from '../../ops/index.ts';
import { rawReduce } from '../../ops/reduce.ts';

/**
 * Range losses: penalties on values outside [low, high] (two-sided hinges), in units of the half-width, so that one weight fits sites of any size. The
 * excess of x is max(0, x - high, low - x). `include` (0/1, broadcasting) leaves hidden values out.
 */

/** x - clip(x), as two passes forward and one back: where it is not 0 its derivative is 1, and elsewhere its factor is. */
function excess(x: Tensor, low: number, high: number, include: Tensor | undefined): Tensor {
  const { program } = x;
  const clipped = program.emit1('Clip', [x, program.scalar(low), program.scalar(high)], x.shape);
  const difference = rawSub(x, clipped);
  return include ? rawMul(difference, include) : difference;
}

/** sum of excess^2 / (count * half-width^2): every element counts, so the gradient is smooth and never rare. */
export function squaredRangeLoss(x: Tensor, low: number, high: number, include?: Tensor): Tensor {
  const halfWidth = (high - low) / 2;
  const factor = 1 / (elementCount(x.shape) * halfWidth * halfWidth);
  const outside = excess(x, low, high, include);
  const axes = x.shape.map((_, axis) => axis);
  const total = rawScale(rawReduce('ReduceSumSquare', outside, axes, false), factor);
  return x.program.record([x], [total], ([g]) => [rawMul(outside, rawScale(g!, 2 * factor))])[0]!;
}

/** Largest excess over the batch / half-width, the form of the paper's group: only the extreme elements are pulled. */
export function maxRangeLoss(x: Tensor, low: number, high: number, include?: Tensor): Tensor {
  const inside = include ? ops.mul(x, include) : x;
  const above = ops.relu(ops.shift(ops.max(inside), -high));
  const below = ops.relu(ops.shift(ops.max(ops.scale(inside, -1)), low));
  return ops.scale(ops.add(above, below), 2 / (high - low));
}

/** (mean of (excess / half-width)^8)^(1/8): between the two, towards the extremes. */
export function normRangeLoss(x: Tensor, low: number, high: number, include?: Tensor): Tensor {
  const halfWidth = (high - low) / 2;
  const outside = ops.sub(x, ops.clip(x, low, high));
  const kept = include ? ops.mul(outside, include) : outside;
  const power = (y: Tensor) => ops.square(ops.square(ops.square(y)));
  // The offset keeps the root's slope finite where nothing is outside.
  const mean = ops.shift(ops.mean(power(ops.scale(kept, 1 / halfWidth))), 1e-12);
  return ops.sqrt(ops.sqrt(ops.sqrt(mean)));
}

import { elementCount, type Shape } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { rawMul, rawScale } from './elementwise.ts';
import { rawReshape } from './shape.ts';

const keptShape = (x: Tensor, axes: readonly number[]): number[] => x.shape.map((s, i) => (axes.includes(i) ? 1 : s));
const allAxes = (x: Tensor): number[] => x.shape.map((_, i) => i);
const finalShape = (x: Tensor, axes: readonly number[], keep: boolean): Shape =>
  keep ? keptShape(x, axes) : x.shape.filter((_, i) => !axes.includes(i));

export const rawReduce = (op: string, x: Tensor, axes: readonly number[], keep: boolean): Tensor =>
  x.program.emit1(op, [x, x.program.integers(axes)], finalShape(x, axes, keep), { keepdims: { int: keep ? 1 : 0 } });

const spread = (gradient: Tensor, x: Tensor, axes: readonly number[]): Tensor =>
  x.program.emit1('Expand', [rawReshape(gradient, keptShape(x, axes)), x.program.integers(x.shape)], x.shape);

/** The sum over `axes` (default: all). With keep, reduced dimensions stay with size 1. */
export function sum(x: Tensor, axes: readonly number[] = allAxes(x), keep = false): Tensor {
  return x.program.record([x], [rawReduce('ReduceSum', x, axes, keep)], ([g]) => [spread(g!, x, axes)])[0]!;
}

/** The mean over `axes` (default: all). */
export function mean(x: Tensor, axes: readonly number[] = allAxes(x), keep = false): Tensor {
  const count = elementCount(axes.map((axis) => x.shape[axis]!));
  return x.program.record([x], [rawReduce('ReduceMean', x, axes, keep)], ([g]) => [
    spread(rawScale(g!, 1 / count), x, axes),
  ])[0]!;
}

/** The largest value over `axes`; a gradient goes to every position that attains it. */
export function max(x: Tensor, axes: readonly number[] = allAxes(x), keep = false): Tensor {
  const { program } = x;
  const top = rawReduce('ReduceMax', x, axes, keep);
  return program.record([x], [top], ([g]) => {
    const here = program.emit1('Equal', [x, rawReshape(top, keptShape(x, axes))], x.shape, {}, 'bool');
    const mask = program.emit1('Cast', [here], x.shape, { to: { int: 1 } });
    return [rawMul(mask, rawReshape(g!, keptShape(x, axes)))];
  })[0]!;
}

/**
 * The largest and smallest value of each example: x [batch, ...] gives two tensors [batch]. Values where `include`
 * (0/1, broadcasting against x) is 0 do not count, nor does NaN; an example without any has -Infinity and Infinity.
 * For measurements: no gradient.
 */
export function perExampleExtremes(x: Tensor, include?: Tensor): { readonly high: Tensor; readonly low: Tensor } {
  const { program } = x;
  const compare = (op: string, a: Tensor, b: Tensor) => program.emit1(op, [a, b], x.shape, {}, 'bool');
  const number = compare('Equal', x, x);
  const counted = include
    ? compare('And', number, program.emit1('Equal', [include, program.scalar(1)], include.shape, {}, 'bool'))
    : number;
  const axes = allAxes(x).slice(1);
  const over = (op: string, without: number) =>
    rawReduce(op, program.emit1('Where', [counted, x, program.scalar(without)], x.shape), axes, false);
  return { high: over('ReduceMax', -Infinity), low: over('ReduceMin', Infinity) };
}

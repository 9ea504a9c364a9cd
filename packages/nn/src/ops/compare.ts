import type { Tensor } from '../onnx/program.ts';
import { broadcastShapes } from './broadcast.ts';

// Comparisons as float32, 1 where they hold, and whole numbers. No gradient flows through them.

/** Where a and b, which broadcast, are the same. */
export function equals(a: Tensor, b: Tensor): Tensor {
  return asFloat(compare(a, b));
}

/** Where integers (int64) are not `value`. */
export function differs(x: Tensor, value: number): Tensor {
  const { program } = x;
  const same = compare(x, program.constant(BigInt64Array.of(BigInt(value)), [1], 'value'));
  return asFloat(program.emit1('Not', [same], same.shape, {}, 'bool'));
}

/** Whole numbers in float32 as int64. */
export const asInteger = (x: Tensor): Tensor => x.program.emit1('Cast', [x], x.shape, { to: { int: 7 } }, 'int64');

const compare = (a: Tensor, b: Tensor): Tensor =>
  a.program.emit1('Equal', [a, b], broadcastShapes('Equal', a, b), {}, 'bool');

const asFloat = (x: Tensor): Tensor => x.program.emit1('Cast', [x], x.shape, { to: { int: 1 } });

import { elementCount, formatShape, type Shape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { reduceTo } from './broadcast.ts';

/** The same values in the same row-major order under another shape; -1 stands for "what is left". */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const { program } = x;
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const target = shape.map((size) => (size === -1 ? elementCount(x.shape) / known : size));
  if (elementCount(target) !== elementCount(x.shape)) {
    throw new ShapeError(
      `reshape at ${program.location}: ${formatShape(x.shape)} does not fit ${formatShape(target)}.`,
    );
  }
  if (target.join() === x.shape.join()) return x;
  const y = rawReshape(x, target);
  return program.record([x], [y], ([g]) => [rawReshape(g!, x.shape)])[0]!;
}

export const rawReshape = (x: Tensor, shape: Shape): Tensor =>
  x.program.emit1('Reshape', [x, x.program.integers(shape)], shape, { allowzero: { int: 1 } });

export const rawTranspose = (x: Tensor, order: readonly number[]): Tensor =>
  x.program.emit1(
    'Transpose',
    [x],
    order.map((axis) => x.shape[axis]!),
    { perm: { ints: order } },
  );

/** Dimension i of the result is dimension order[i] of `x`. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return x.program.record([x], [rawTranspose(x, order)], ([g]) => [rawTranspose(g!, inverse)])[0]!;
}

/** Joins tensors along `axis`. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts;
  if (!first) throw new ShapeError('concat needs at least one tensor.');
  if (parts.length === 1) return first;
  const { program } = first;
  for (const part of parts) {
    if (part.shape.length !== first.shape.length || part.shape.some((s, i) => i !== axis && s !== first.shape[i])) {
      throw new ShapeError(
        `concat at ${program.location} along ${axis}: ${parts.map((tensor) => formatShape(tensor.shape)).join(', ')}.`,
      );
    }
  }
  const sizes = parts.map((part) => part.shape[axis]!);
  const shape = first.shape.map((size, i) => (i === axis ? sizes.reduce((a, b) => a + b, 0) : size));
  const y = program.emit1('Concat', parts, shape, { axis: { int: axis } });
  return program.record(parts, [y], ([g]) => rawSplit(g!, axis, sizes))[0]!;
}

export function rawSplit(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  const { program } = x;
  const outputs = sizes.map((size) => ({ shape: x.shape.map((s, i) => (i === axis ? size : s)) }));
  return program.emit('Split', [x, program.integers(sizes)], outputs, { axis: { int: axis } });
}

/** Cuts `x` along `axis` into parts of the given sizes. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  if (sizes.reduce((a, b) => a + b, 0) !== x.shape[axis]) {
    throw new ShapeError(
      `split at ${x.program.location}: ${formatShape(x.shape)} along ${axis} into ${sizes.join('+')}.`,
    );
  }
  const parts = rawSplit(x, axis, sizes);
  const { program } = x;
  return program.record([x], parts, (incoming) => {
    const pieces = incoming.map(
      (g, i) => g ?? program.constant(new Float32Array(elementCount(parts[i]!.shape)), parts[i]!.shape, 'zeros'),
    );
    return [program.emit1('Concat', pieces, x.shape, { axis: { int: axis } })];
  });
}

/** Repeats `x` (which must broadcast) to `shape`. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const { program } = x;
  const y = program.emit1('Expand', [x, program.integers(shape)], shape);
  return program.record([x], [y], ([g]) => [reduceTo(g!, x.shape)])[0]!;
}

/**
 * Rows of `table` [rows, width] chosen by int64 `ids` of any shape: [...ids.shape, width]. Backward: rows are
 * added up with ScatterND, which copies a zero table once a step; keep vocabularies small.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  const { program } = table;
  const [rows, width] = table.shape as [number, number];
  const y = program.emit1('Gather', [table, ids], [...ids.shape, width], { axis: { int: 0 } });
  return program.record([table], [y], ([g]) => {
    const count = elementCount(ids.shape);
    const zeros = program.constant(new Float32Array(rows * width), [rows, width], 'zeros');
    const flatIds = program.emit1(
      'Reshape',
      [ids, program.integers([count, 1])],
      [count, 1],
      { allowzero: { int: 1 } },
      'int64',
    );
    const flat = rawReshape(g!, [count, width]);
    return [program.emit1('ScatterND', [zeros, flatIds, flat], [rows, width], { reduction: { string: 'add' } })];
  })[0]!;
}

/** Values of data [batch, values] at constant positions along axis 1, for inputs that need no gradient. */
export function gatherColumns(x: Tensor, columns: readonly number[]): Tensor {
  const { program } = x;
  const index = program.constant(BigInt64Array.from(columns, BigInt), [columns.length], 'columns');
  return program.emit1('Gather', [x, index], [x.shape[0]!, columns.length], { axis: { int: 1 } });
}

/** One slice [start, end) along `axis`; the gradient is padded with zeros. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const size = x.shape[axis]!;
  if (start < 0 || end > size || start >= end) {
    throw new ShapeError(
      `slice at ${x.program.location}: [${start}, ${end}) of ${formatShape(x.shape)} along ${axis}.`,
    );
  }
  const { program } = x;
  const shape = x.shape.map((s, i) => (i === axis ? end - start : s));
  const y = program.emit1(
    'Slice',
    [x, program.integers([start]), program.integers([end]), program.integers([axis])],
    shape,
  );
  return program.record([x], [y], ([g]) => {
    const zeros = (count: number) => {
      const part = x.shape.map((s, i) => (i === axis ? count : s));
      return program.constant(new Float32Array(elementCount(part)), part, 'zeros');
    };
    const parts = [...(start > 0 ? [zeros(start)] : []), g!, ...(end < size ? [zeros(size - end)] : [])];
    return [parts.length === 1 ? g! : program.emit1('Concat', parts, x.shape, { axis: { int: axis } })];
  })[0]!;
}

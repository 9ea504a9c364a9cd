import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { mul, rawMul, rawSub, scale } from './elementwise.ts';
import { rawReduce, sum } from './reduce.ts';

/** Softmax over the last dimension. */
export function softmax(x: Tensor): Tensor {
  const { program } = x;
  const axis = x.shape.length - 1;
  const p = program.emit1('Softmax', [x], x.shape, { axis: { int: -1 } });
  return program.record([x], [p], ([g]) => {
    const inner = rawReduce('ReduceSum', rawMul(g!, p), [axis], true);
    return [rawMul(p, rawSub(g!, inner))];
  })[0]!;
}

/** log softmax over the last dimension. */
export function logSoftmax(x: Tensor): Tensor {
  const { program } = x;
  const axis = x.shape.length - 1;
  const y = program.emit1('LogSoftmax', [x], x.shape, { axis: { int: -1 } });
  return program.record([x], [y], ([g]) => {
    const total = rawReduce('ReduceSum', g!, [axis], true);
    return [rawSub(g!, rawMul(program.emit1('Exp', [y], x.shape), total))];
  })[0]!;
}

/**
 * Mean cross-entropy in nats: logits [rows, classes] against target probabilities [rows, classes] (not
 * differentiated), with an optional weight per row [rows] (0 leaves a row out; the mean is over the weights' sum).
 */
export function crossEntropy(logits: Tensor, targets: Tensor, weights?: Tensor): Tensor {
  const { program } = logits;
  const [rows] = logits.shape as [number, number];
  if (logits.shape.length !== 2 || targets.shape.join() !== logits.shape.join()) {
    throw new ShapeError(
      `crossEntropy at ${program.location}: logits ${formatShape(logits.shape)}, targets ${formatShape(targets.shape)}.`,
    );
  }
  if (weights && weights.shape.join() !== `${rows}`) {
    throw new ShapeError(`crossEntropy at ${program.location}: ${rows} rows, weights ${formatShape(weights.shape)}.`);
  }
  const logP = program.emit1('LogSoftmax', [logits], logits.shape, { axis: { int: -1 } });
  const column = weights && program.emit1('Reshape', [weights, program.integers([rows, 1])], [rows, 1]);
  const weighted = column ? rawMul(targets, column) : targets;
  const total = weights ? rawReduce('ReduceSum', weights, [0], false) : program.scalar(rows);
  const summed = rawReduce('ReduceSum', rawMul(weighted, logP), [0, 1], false);
  const loss = program.emit1('Neg', [program.emit1('Div', [summed, total], [])], []);
  return program.record([logits], [loss], ([g]) => {
    // Target probabilities sum to 1, so a row's probability mass is its weight.
    const probabilities = program.emit1('Exp', [logP], logits.shape);
    const difference = rawSub(column ? rawMul(probabilities, column) : probabilities, weighted);
    return [rawMul(difference, program.emit1('Div', [g!, total], []))];
  })[0]!;
}

/** Class numbers (int64, [rows]) as probabilities [rows, classes], with label smoothing: 1 - s + s/classes, s/classes. */
export function oneHot(ids: Tensor, classes: number, smoothing = 0): Tensor {
  const { program } = ids;
  // Comparing with every class runs on all threads; the OneHot operator is serial, and slower on one.
  const shape = [...ids.shape, classes];
  const column = program.emit1('Reshape', [ids, program.integers([...ids.shape, 1])], [...ids.shape, 1], {}, 'int64');
  const numbers = program.constant(
    BigInt64Array.from({ length: classes }, (_, i) => BigInt(i)),
    [classes],
  );
  const hit = program.emit1('Equal', [column, numbers], shape, {}, 'bool');
  const off = smoothing / classes;
  return program.emit1('Where', [hit, program.scalar(1 - smoothing + off), program.scalar(off)], shape);
}

/**
 * Distillation: mean over rows of KL(teacher || student) at temperature T, times T^2 (Hinton et al., 2015). Both
 * logits [rows, classes]; no gradient flows to the teacher.
 */
export function distillation(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const { program } = student;
  const soften = (logits: Tensor) => program.emit1('Mul', [logits, program.scalar(1 / temperature)], logits.shape);
  const target = program.emit1('Softmax', [soften(teacher)], teacher.shape, { axis: { int: -1 } });
  const logTarget = program.emit1('LogSoftmax', [soften(teacher)], teacher.shape, { axis: { int: -1 } });
  const negativeEntropy = rawReduce('ReduceSum', rawMul(target, logTarget), [0, 1], false);
  const rows = elementCount(student.shape) / student.shape.at(-1)!;
  const cross = sum(mul(logSoftmax(scale(student, 1 / temperature)), target));
  const divergence = program.record([cross], [rawSub(negativeEntropy, cross)], ([g]) => [
    program.emit1('Neg', [g!], []),
  ])[0]!;
  return scale(divergence, (temperature * temperature) / rows);
}

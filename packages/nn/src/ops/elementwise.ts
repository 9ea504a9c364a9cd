import type { Tensor } from '../onnx/program.ts';
import { broadcastShapes, reduceTo } from './broadcast.ts';

// Element-wise operators. "Raw" forms append operations without a tape record: backward passes are built from them.

const raw1 = (op: string, x: Tensor) => x.program.emit1(op, [x], x.shape);
const raw2 = (op: string, a: Tensor, b: Tensor) => a.program.emit1(op, [a, b], broadcastShapes(op, a, b));

export const rawAdd = (a: Tensor, b: Tensor): Tensor => raw2('Add', a, b);
export const rawSub = (a: Tensor, b: Tensor): Tensor => raw2('Sub', a, b);
export const rawMul = (a: Tensor, b: Tensor): Tensor => raw2('Mul', a, b);
export const rawDiv = (a: Tensor, b: Tensor): Tensor => raw2('Div', a, b);
export const rawScale = (x: Tensor, factor: number): Tensor =>
  factor === 1 ? x : raw2('Mul', x, x.program.scalar(factor));
export const rawNeg = (x: Tensor): Tensor => raw1('Neg', x);

type Derivative = (gradient: Tensor, y: Tensor, x: Tensor) => Tensor;

/** An element-wise function of one tensor; `derivative` maps dL/dy (and y, x) to dL/dx. */
function unary(op: string, x: Tensor, derivative: Derivative): Tensor {
  const y = raw1(op, x);
  return x.program.record([x], [y], ([g]) => [derivative(g!, y, x)])[0]!;
}

export function add(a: Tensor, b: Tensor): Tensor {
  const backward = ([g]: readonly (Tensor | undefined)[]) => [
    a.differentiable ? reduceTo(g!, a.shape) : undefined,
    b.differentiable ? reduceTo(g!, b.shape) : undefined,
  ];
  return a.program.record([a, b], [rawAdd(a, b)], backward)[0]!;
}

export function sub(a: Tensor, b: Tensor): Tensor {
  return a.program.record([a, b], [rawSub(a, b)], ([g]) => [
    a.differentiable ? reduceTo(g!, a.shape) : undefined,
    b.differentiable ? reduceTo(rawNeg(g!), b.shape) : undefined,
  ])[0]!;
}

export function mul(a: Tensor, b: Tensor): Tensor {
  return a.program.record([a, b], [rawMul(a, b)], ([g]) => [
    a.differentiable ? reduceTo(rawMul(g!, b), a.shape) : undefined,
    b.differentiable ? reduceTo(rawMul(g!, a), b.shape) : undefined,
  ])[0]!;
}

export function div(a: Tensor, b: Tensor): Tensor {
  const y = rawDiv(a, b);
  return a.program.record([a, b], [y], ([g]) => {
    const quotient = rawDiv(g!, b);
    return [
      a.differentiable ? reduceTo(quotient, a.shape) : undefined,
      b.differentiable ? reduceTo(rawNeg(rawMul(quotient, y)), b.shape) : undefined,
    ];
  })[0]!;
}

export const scale = (x: Tensor, factor: number): Tensor =>
  factor === 1 ? x : x.program.record([x], [rawScale(x, factor)], ([g]) => [rawScale(g!, factor)])[0]!;
export const shift = (x: Tensor, offset: number): Tensor => add(x, x.program.scalar(offset));
export const square = (x: Tensor): Tensor =>
  x.program.record([x], [rawMul(x, x)], ([g]) => [rawMul(rawScale(g!, 2), x)])[0]!;
export const exp = (x: Tensor): Tensor => unary('Exp', x, (g, y) => rawMul(g, y));
export const log = (x: Tensor): Tensor => unary('Log', x, (g, _y, input) => rawDiv(g, input));
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', x, (g, y) => rawDiv(rawScale(g, 0.5), y));
export const reciprocal = (x: Tensor): Tensor => unary('Reciprocal', x, (g, y) => rawNeg(rawMul(g, rawMul(y, y))));
export const tanh = (x: Tensor): Tensor => unary('Tanh', x, (g, y) => rawSub(g, rawMul(g, rawMul(y, y))));
export const sigmoid = (x: Tensor): Tensor => unary('Sigmoid', x, (g, y) => rawMul(g, rawSub(y, rawMul(y, y))));
export const abs = (x: Tensor): Tensor => unary('Abs', x, (g, _y, input) => rawMul(g, raw1('Sign', input)));

/** max(x, 0); the derivative at 0 is 0. */
export const relu = (x: Tensor): Tensor =>
  unary('Relu', x, (g, y) => {
    // Sign of the output is 1 where the unit is active: one pass less than a comparison and a cast.
    return rawMul(g, raw1('Sign', y));
  });

/** x limited to [low, high]; no gradient flows where the limit is active. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  const { program } = x;
  const y = program.emit1('Clip', [x, program.scalar(low), program.scalar(high)], x.shape);
  return program.record([x], [y], ([g]) => {
    const inside = program.emit1('Equal', [x, y], x.shape, {}, 'bool');
    return [rawMul(g!, program.emit1('Cast', [inside], x.shape, { to: { int: 1 } }))];
  })[0]!;
}

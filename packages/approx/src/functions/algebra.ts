import {
  type DoubleDouble,
  dd,
  ddAbs,
  ddAdd,
  ddDivide,
  ddMultiply,
  ddNegate,
  ddOne,
  ddSqrt,
  ddSubtract,
  ddZero,
} from '../numeric/double-double.ts';
import { ddCos, ddErf, ddExp, ddLog, ddPi, ddSin } from '../numeric/double-double-functions.ts';
import { erf } from '../numeric/erf.ts';
import {
  absJet,
  addJets,
  constantJet,
  cosSinJets,
  divideJets,
  erfJet,
  expJet,
  type IntervalJet,
  logJet,
  multiplyJets,
  negateJet,
  powerJet,
  reluJet,
  sigmoid,
  sigmoidJet,
  signJet,
  softplus,
  softplusJet,
  sqrtJet,
  squareJet,
  stepJet,
  subtractJets,
  tanhJet,
} from '../numeric/interval-jet.ts';

/** The functions an expression may call with one argument. */
export const primitives = [
  'exp',
  'log',
  'sqrt',
  'sin',
  'cos',
  'tanh',
  'erf',
  'sigmoid',
  'softplus',
  'relu',
  'abs',
  'sign',
  'step',
] as const;
export type Primitive = (typeof primitives)[number];

/** One meaning for expressions: plain numbers, double-doubles, or interval jets. */
export interface Algebra<T> {
  constant(value: number): T;
  pi(): T;
  add(a: T, b: T): T;
  subtract(a: T, b: T): T;
  multiply(a: T, b: T): T;
  divide(a: T, b: T): T;
  negate(a: T): T;
  /** n a whole number >= 0. */
  power(a: T, n: number): T;
  readonly functions: Readonly<Record<Primitive, (a: T) => T>>;
}

export const numberAlgebra: Algebra<number> = {
  constant: (v) => v,
  pi: () => Math.PI,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  negate: (a) => -a,
  power: (a, n) => a ** n,
  functions: {
    exp: Math.exp,
    log: Math.log,
    sqrt: Math.sqrt,
    sin: Math.sin,
    cos: Math.cos,
    tanh: Math.tanh,
    erf,
    sigmoid,
    softplus,
    relu: (x) => Math.max(0, x),
    abs: Math.abs,
    sign: Math.sign,
    step: (x) => (x < 0 ? 0 : x > 0 ? 1 : 0.5),
  },
};

function ddPower(a: DoubleDouble, n: number): DoubleDouble {
  if (n === 0) return ddOne;
  const half = ddPower(a, Math.floor(n / 2));
  const square = ddMultiply(half, half);
  return n % 2 === 0 ? square : ddMultiply(square, a);
}

function ddSigmoid(a: DoubleDouble): DoubleDouble {
  return ddDivide(ddOne, ddAdd(ddOne, ddExp(ddNegate(a))));
}

export const doubleDoubleAlgebra: Algebra<DoubleDouble> = {
  constant: (v) => dd(v),
  pi: () => ddPi,
  add: ddAdd,
  subtract: ddSubtract,
  multiply: ddMultiply,
  divide: ddDivide,
  negate: ddNegate,
  power: ddPower,
  functions: {
    exp: ddExp,
    log: ddLog,
    sqrt: ddSqrt,
    sin: ddSin,
    cos: ddCos,
    tanh: (a) => ddSubtract(ddMultiply(dd(2), ddSigmoid(ddMultiply(dd(2), a))), ddOne),
    erf: ddErf,
    sigmoid: ddSigmoid,
    softplus: (a) => ddAdd(a.hi > 0 ? a : ddZero, ddLog(ddAdd(ddOne, ddExp(ddNegate(ddAbs(a)))))),
    relu: (a) => (a.hi > 0 ? a : ddZero),
    abs: ddAbs,
    sign: (a) => dd(Math.sign(a.hi)),
    step: (a) => dd(numberAlgebra.functions.step(a.hi)),
  },
};

/** Interval jets of one order (see interval-jet.ts). */
export function jetAlgebra(order: number): Algebra<IntervalJet> {
  return {
    constant: (v) => constantJet(order, v),
    pi: () => constantJet(order, Math.PI * (1 - 2 ** -52), Math.PI * (1 + 2 ** -52)),
    add: addJets,
    subtract: subtractJets,
    multiply: (a, b) => (a === b ? squareJet(a) : multiplyJets(a, b)),
    divide: divideJets,
    negate: negateJet,
    power: powerJet,
    functions: {
      exp: expJet,
      log: logJet,
      sqrt: sqrtJet,
      sin: (a) => cosSinJets(a).sin,
      cos: (a) => cosSinJets(a).cos,
      tanh: tanhJet,
      erf: erfJet,
      sigmoid: sigmoidJet,
      softplus: softplusJet,
      relu: reluJet,
      abs: absJet,
      sign: signJet,
      step: stepJet,
    },
  };
}

import type { Program, Tensor } from '../graph/program.ts';
import { rawAdd, rawMul, rawScale, rawSub } from '../ops/elementwise.ts';
import { rawReduce } from '../ops/reduce.ts';
import type { ParameterGroup } from './groups.ts';

/** AdamW (Loshchilov and Hutter, 2019). */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global gradient norm; gradients above it are scaled down to it. */
  readonly clipNorm: number;
}

/** Scalars that change from step to step, fed as one array of these values in this order. */
export interface StepScalars {
  /** learning rate * sqrt(1 - beta2^t) / (1 - beta1^t) */
  readonly stepSize: number;
  /** epsilon * sqrt(1 - beta2^t): the same update as with bias-corrected moments, with two passes less. */
  readonly epsilon: number;
  readonly learningRate: number;
  /** 1 - decay of the running average of the weights. */
  readonly averageShare: number;
}

/** The scalars of step t = 1, 2, ... The average starts fast: min(decay, (1 + t) / (10 + t)). */
export function stepScalars(t: number, learningRate: number, options: AdamWOptions, averageDecay: number): StepScalars {
  const correction1 = 1 - options.beta1 ** t;
  const root2 = Math.sqrt(1 - options.beta2 ** t);
  return {
    stepSize: (learningRate * root2) / correction1,
    epsilon: options.epsilon * root2,
    learningRate,
    averageShare: 1 - Math.min(averageDecay, (1 + t) / (10 + t)),
  };
}

export interface ScalarTensors {
  readonly stepSize: Tensor;
  readonly epsilon: Tensor;
  readonly learningRate: Tensor;
  readonly averageShare: Tensor;
}

export const scalarNames = ['stepSize', 'epsilon', 'learningRate', 'averageShare'] as const;

/** sqrt of the sum of squares over all gradients, and the factor min(1, clip / norm). */
export function clipFactor(program: Program, gradients: readonly Tensor[], clipNorm: number) {
  const squares = gradients.map((g) => rawReduce('ReduceSumSquare', g, [0], false));
  const norm = program.emit1('Sqrt', [squares.reduce(rawAdd)], []);
  const ratio = program.emit1('Div', [program.scalar(clipNorm), rawAdd(norm, program.scalar(1e-12))], []);
  return { norm, factor: program.emit1('Min', [ratio, program.scalar(1)], []) };
}

export interface GroupState {
  readonly value: Tensor;
  readonly moment1: Tensor;
  readonly moment2: Tensor;
  readonly average?: Tensor;
}

/** Appends one AdamW update of a flat group; returns the new state. */
export function adamw(
  group: ParameterGroup,
  state: GroupState,
  gradient: Tensor,
  factor: Tensor,
  scalars: ScalarTensors,
  options: AdamWOptions,
): GroupState {
  const { program } = gradient;
  const { beta1, beta2 } = options;
  const moment1 = rawAdd(rawScale(state.moment1, beta1), rawMul(gradient, rawScale(factor, 1 - beta1)));
  const squaredFactor = rawScale(rawMul(factor, factor), 1 - beta2);
  const moment2 = rawAdd(rawScale(state.moment2, beta2), rawMul(rawMul(gradient, gradient), squaredFactor));
  const root = program.emit1('Sqrt', [moment2], moment2.shape);
  const direction = program.emit1('Div', [moment1, rawAdd(root, scalars.epsilon)], moment1.shape);
  const step = rawMul(direction, rawScale(scalars.stepSize, group.rate));
  const shrink = rawSub(program.scalar(1), rawScale(scalars.learningRate, group.weightDecay * group.rate));
  const decayed = group.weightDecay === 0 ? state.value : rawMul(state.value, shrink);
  const value = rawSub(decayed, step);
  if (!state.average) return { value, moment1, moment2 };
  const average = rawAdd(state.average, rawMul(rawSub(value, state.average), scalars.averageShare));
  return { value, moment1, moment2, average };
}

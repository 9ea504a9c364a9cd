import type { Program, Tensor } from '../onnx/program.ts';
import { rawAdd, rawMul, rawScale, rawSub } from '../ops/elementwise.ts';
import { rawReduce } from '../ops/reduce.ts';
import type { ParameterGroup } from './groups.ts';

/** AdamW (adamw.ts) for all parameters, or with `muon` for all but the matrices of layers (muon.ts). */
export interface OptimiserOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global gradient norm; gradients above it are scaled down to it. */
  readonly clipNorm: number;
  readonly muon?: { readonly momentum: number } | undefined;
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
export function stepScalars(
  t: number,
  learningRate: number,
  options: OptimiserOptions,
  averageDecay: number,
): StepScalars {
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

/** The state of a flat group by part ("value", "moment1", ...; see `stateParts`), before a step or after it. */
export type GroupState = Readonly<Record<string, Tensor>>;

/** Appends one update of a flat group by its own rule. `factor` scales the gradient (clipping). */
export type Update = (
  group: ParameterGroup,
  state: GroupState,
  gradient: Tensor,
  factor: Tensor,
  scalars: ScalarTensors,
  options: OptimiserOptions,
) => GroupState;

/** The weights after a step: decayed, updatedWeights by `stepSize` against `direction`, and averaged where an average is kept. */
export function updatedWeights(
  group: ParameterGroup,
  state: GroupState,
  direction: Tensor,
  stepSize: Tensor,
  { learningRate, averageShare }: ScalarTensors,
): GroupState {
  const { program } = direction;
  const step = rawMul(direction, rawScale(stepSize, group.rate));
  const shrink = rawSub(program.scalar(1), rawScale(learningRate, group.weightDecay * group.rate));
  const decayed = group.weightDecay === 0 ? state.value! : rawMul(state.value!, shrink);
  const value = rawSub(decayed, step);
  if (!state.average) return { value };
  return { value, average: rawAdd(state.average, rawMul(rawSub(value, state.average), averageShare)) };
}

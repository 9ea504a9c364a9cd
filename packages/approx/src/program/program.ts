import { type Interval, toUnit } from '../interval.ts';
import { clenshaw } from '../polynomial.ts';
import { type EvaluationCost, evaluationPlan } from './plan.ts';

/**
 * One instruction. Operands are value numbers: value 0 is the input mapped to t in [-1, 1], step i makes value i + 1,
 * the last value is the result.
 */
export type Step =
  /** offset + sum of factor * value. */
  | {
      readonly op: 'affine';
      readonly terms: ReadonlyArray<{ readonly value: number; readonly factor: number }>;
      readonly offset: number;
    }
  /** sum of c_j T_j(value), for a value in [-1, 1]. */
  | { readonly op: 'polynomial'; readonly value: number; readonly coefficients: readonly number[] }
  | { readonly op: 'product'; readonly left: number; readonly right: number }
  | { readonly op: 'square'; readonly value: number };

/** A straight-line program of additions and multiplications: what an approximation is to a compiler. */
export interface Program {
  /** The interval that is mapped to [-1, 1] to make value 0; the map folds into whatever produces x. */
  readonly interval: Interval;
  readonly steps: readonly Step[];
}

/** The result for x. Cost: the flops of its steps. */
export function evaluateProgram({ interval, steps }: Program, x: number): number {
  const values = [toUnit(interval, x)];
  for (const step of steps) values.push(evaluateStep(step, values));
  return values[values.length - 1]!;
}

function evaluateStep(step: Step, values: readonly number[]): number {
  switch (step.op) {
    case 'affine':
      return step.terms.reduce((sum, { value, factor }) => sum + factor * values[value]!, step.offset);
    case 'polynomial':
      return clenshaw(step.coefficients, values[step.value]!);
    case 'product':
      return values[step.left]! * values[step.right]!;
    case 'square':
      return values[step.value]! ** 2;
  }
}

const free = {
  levels: 0,
  ciphertextMultiplications: 0,
  squarings: 0,
  plaintextMultiplications: 0,
  additions: 0,
} satisfies EvaluationCost;

/** What a step costs, `levels` counted from its deepest operand alone. */
function stepCost(step: Step): EvaluationCost {
  switch (step.op) {
    case 'affine': {
      const factors = step.terms.filter(({ factor }) => !Number.isInteger(factor)).length;
      const terms = step.terms.length - 1 + (step.offset === 0 ? 0 : 1);
      return { ...free, plaintextMultiplications: factors, additions: terms };
    }
    case 'polynomial':
      return evaluationPlan(step.coefficients).cost;
    case 'product':
      return { ...free, levels: 1, ciphertextMultiplications: 1 };
    case 'square':
      return { ...free, levels: 1, ciphertextMultiplications: 1, squarings: 1 };
  }
}

/** The cost of a program; levels along its longest path, from t to the result. */
export function programCost({ steps }: Program): EvaluationCost {
  const depths = [0];
  const total = { ...free };
  for (const step of steps) {
    const cost = stepCost(step);
    total.ciphertextMultiplications += cost.ciphertextMultiplications;
    total.squarings += cost.squarings;
    total.plaintextMultiplications += cost.plaintextMultiplications;
    total.additions += cost.additions;
    depths.push(stepDepth(step, cost.levels, depths));
  }
  return { ...total, levels: depths[depths.length - 1]! };
}

function stepDepth(step: Step, levels: number, depths: readonly number[]): number {
  if (step.op === 'affine')
    return step.terms.reduce(
      (depth, { value, factor }) => Math.max(depth, depths[value]! + (Number.isInteger(factor) ? 0 : 1)),
      0,
    );
  const operands = step.op === 'product' ? [step.left, step.right] : [step.value];
  return Math.max(...operands.map((value) => depths[value]!)) + levels;
}

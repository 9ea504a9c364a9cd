import { type EvaluationPlan, isConstant, type PlanNode } from '@cipherformer/approx';
import type { NoiseModel, NoisyValue } from '../scheme/index.ts';
import { type DiagonalMatrix, periodOf } from './linear/diagonals.ts';
import type { LinearTransformPlan } from './linear/linear-transform.ts';
import { hasProduct } from './polynomial/polynomial.ts';

/**
 * Noise of `LinearTransform.apply`. In order: the ciphertext's own noise and the key errors of its baby rotations, times
 * the diagonals; the rounding of the diagonals, times the message; for each giant step the rounding of the second part
 * and the key errors; the division by the level's prime.
 * @param scale of the diagonals; default: the level's prime
 */
export function linearTransformNoise(
  model: NoiseModel,
  plan: LinearTransformPlan,
  matrix: DiagonalMatrix,
  input: NoisyValue,
  scale = model.parameters.primeAt(plan.level),
): NoisyValue {
  const { parameters } = model;
  const prime = parameters.primeAt(plan.level);
  const keyErrors = model.switchingErrors(plan.level, parameters.gadgetWith(plan.level, plan.special));
  let variance = 0;
  let power = 0;
  for (const [giant, terms] of plan.giantSteps) {
    for (const { diagonal, baby } of terms) {
      const values = matrix.diagonals.get(diagonal)!;
      const square = scale ** 2 * meanSquare(values.real, values.imag);
      const rotated = { ...input, variance: input.variance + (baby === 0 ? 0 : keyErrors) };
      variance += model.plainProduct(rotated, square, plan.slots / periodOf(values));
      power += square * input.power;
    }
    if (giant !== 0) variance += model.rounding() + keyErrors;
  }
  return { variance: model.divided(variance, prime), power: power / prime ** 2 };
}

function meanSquare(real: Float64Array, imag: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < real.length; i++) sum += real[i]! ** 2 + imag[i]! ** 2;
  return sum / real.length;
}

/** A place where evaluation adds noise of its own: a relinearisation and rescale, or a rescale alone. */
interface Injection {
  /** Variance in slots of value 1: independent of where it is. */
  readonly variance: number;
  /** Derivative of the result with respect to the value here. */
  readonly sensitivity: number;
}

/**
 * Noise of `PolynomialEvaluator.evaluatePlan`, to first order: every rescale adds rounding and key errors, which reach
 * the result with its derivative with respect to that intermediate value; so does the input's noise with p'. The
 * derivatives come from running the plan backwards at sample points.
 * @param input the variance of the input's coefficients, its level and scale
 * @param samples values that the input takes in the slots
 * @returns variance of the result's coefficients at `targetScale`
 */
export function polynomialNoise(
  model: NoiseModel,
  plan: EvaluationPlan,
  input: { readonly variance: number; readonly level: number; readonly scale: number },
  samples: readonly number[],
  targetScale = input.scale,
): number {
  const { parameters } = model;
  const relinearised = (level: number) => model.relineariseRescale(0, level);
  const rescaled = (level: number) => model.rescale(0, level);
  // Level and scale of every basis element, as the evaluator has them.
  const elements = new Map([[1, { level: input.level, scale: input.scale, noise: input.variance }]]);
  for (const { index, left, right } of plan.basis) {
    const [a, b] = [elements.get(left)!, elements.get(right)!];
    const level = Math.min(a.level, b.level);
    const scale = (a.scale * b.scale) / parameters.primeAt(level);
    elements.set(index, { level: level - 1, scale, noise: relinearised(level) });
  }
  const unit = (variance: number, scale: number) => variance / scale ** 2;

  let total = 0;
  for (const t of samples) {
    const at = new Map([[0, 1], [1, t]]); // biome-ignore format: pairs
    for (const { index, left, right } of plan.basis)
      at.set(index, 2 * at.get(left)! * at.get(right)! - at.get(left - right)!);
    const gradient = new Map<number, number>();
    const add = (index: number, g: number) => gradient.set(index, (gradient.get(index) ?? 0) + g);
    const injections: Injection[] = [];

    /** Value of a node; the derivative of the result with respect to it is `g`. */
    const visit = (root: PlanNode, g: number, level: number, scale: number): number => {
      const sumScale = scale * parameters.primeAt(level + 1);
      let value = 0;
      for (let node: PlanNode | undefined = root; node; node = node.kind === 'split' ? node.remainder : undefined) {
        if (node.kind === 'sum') {
          for (const [j, c] of node.coefficients.entries()) {
            value += c * at.get(c === 0 ? 0 : j)!;
            if (j > 0 && c !== 0) add(j, g * c);
          }
          continue;
        }
        const { giant, quotient } = node;
        const q = isConstant(quotient)
          ? quotient.coefficients[0]!
          : visit(quotient, g * at.get(giant)!, level + 1, sumScale / elements.get(giant)!.scale);
        value += q * at.get(giant)!;
        add(giant, g * q);
      }
      const noise = hasProduct(root) ? relinearised(level + 1) : rescaled(level + 1);
      injections.push({ variance: unit(noise, scale), sensitivity: g });
      return value;
    };
    visit(plan.root, 1, input.level - plan.cost.levels, targetScale);

    for (const { index, left, right } of [...plan.basis].reverse()) {
      const g = gradient.get(index) ?? 0;
      add(left, 2 * g * at.get(right)!);
      add(right, 2 * g * at.get(left)!);
      if (left !== right) add(left - right, -g);
    }
    for (const [index, { noise, scale }] of elements)
      injections.push({ variance: unit(noise, scale), sensitivity: gradient.get(index) ?? 0 });
    total += injections.reduce((sum, { variance, sensitivity }) => sum + variance * sensitivity ** 2, 0);
  }
  return (total / samples.length) * targetScale ** 2;
}

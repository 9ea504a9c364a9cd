import { type EvaluationPlan, evaluationPlan, type Step } from '@cipherformer/approx';
import { Ciphertext, checkConstant, type Evaluator, PolynomialEvaluator, scaledInteger } from '@cipherformer/ckks';
import { ProgramError } from '../errors.ts';
import type { CanonicalScales } from '../program/scales.ts';
import { bringDown } from './bring.ts';

/** Plans by their coefficients: a program's polynomials are evaluated on many ciphertexts. */
const plans = new WeakMap<readonly number[], EvaluationPlan>();

function planOf(coefficients: readonly number[]): EvaluationPlan {
  const known = plans.get(coefficients);
  if (known) return known;
  const plan = evaluationPlan(coefficients);
  plans.set(coefficients, plan);
  return plan;
}

/**
 * Runs the steps of a polynomial program on a ciphertext at the level the instruction names. Every value of its own has
 * the canonical scale of its level; `t` may have another one where only polynomials read it.
 * @returns a new ciphertext
 */
export function evaluateSteps(
  evaluator: Evaluator,
  t: Ciphertext,
  steps: readonly Step[],
  scales: CanonicalScales,
): Ciphertext {
  const values: Ciphertext[] = [t];
  const context = new StepEvaluator(evaluator, scales);
  try {
    for (const step of steps) values.push(context.evaluate(step, values));
    if (values.length === 1) throw new ProgramError('a polynomial program needs at least one step');
    return values.pop()!;
  } finally {
    for (const value of values.slice(1)) value[Symbol.dispose]();
  }
}

/** Whether every step that reads the program's input takes it at any scale. */
export function takesAnyScale(steps: readonly Step[]): boolean {
  return steps.every((step) => step.op === 'polynomial' || !readsInput(step));
}

function readsInput(step: Exclude<Step, { op: 'polynomial' }>): boolean {
  switch (step.op) {
    case 'affine':
      return step.terms.some(({ value }) => value === 0);
    case 'product':
      return step.left === 0 || step.right === 0;
    case 'square':
      return step.value === 0;
  }
}

class StepEvaluator {
  readonly #evaluator: Evaluator;
  readonly #polynomials: PolynomialEvaluator;
  readonly #scales: CanonicalScales;

  constructor(evaluator: Evaluator, scales: CanonicalScales) {
    this.#evaluator = evaluator;
    this.#polynomials = new PolynomialEvaluator(evaluator);
    this.#scales = scales;
  }

  evaluate(step: Step, values: readonly Ciphertext[]): Ciphertext {
    switch (step.op) {
      case 'affine':
        return this.#affine(step, values);
      case 'polynomial': {
        const plan = planOf(step.coefficients);
        const value = values[step.value]!;
        return this.#polynomials.evaluatePlan(value, plan, this.#scales.at(value.level - plan.cost.levels));
      }
      case 'product':
        return this.#product(values[step.left]!, values[step.right]!);
      case 'square':
        return this.#product(values[step.value]!, values[step.value]!);
    }
  }

  #product(a: Ciphertext, b: Ciphertext): Ciphertext {
    const level = Math.min(a.level, b.level);
    const canonical = (value: Ciphertext) =>
      value.level === level ? undefined : bringDown(this.#evaluator, value, level, this.#scales.at(level));
    using left = canonical(a);
    using right = canonical(b);
    return this.#evaluator.multiply(left ?? a, right ?? b);
  }

  /**
   * offset + sum of factor * value. Whole factors of values at the result's level cost nothing; all else is summed one
   * level above, each factor encoded at the scale that brings its term to the sum's, and rescaled once.
   */
  #affine({ terms, offset }: Extract<Step, { op: 'affine' }>, values: readonly Ciphertext[]): Ciphertext {
    const level = Math.min(
      ...terms.map(({ value, factor }) => values[value]!.level - (Number.isInteger(factor) ? 0 : 1)),
    );
    if (!Number.isFinite(level)) throw new ProgramError('an affine step needs at least one term');
    const scale = this.#scales.at(level);
    const above = terms.filter(({ value }) => values[value]!.level > level);
    const here = terms.filter(({ value }) => values[value]!.level === level);
    const { context, slots } = values[0]!;
    const result =
      above.length > 0 ? this.#sumAbove(above, values, level, scale) : new Ciphertext(context, level, scale, slots);
    try {
      if (above.length === 0) result.clear();
      for (const { value, factor } of here) this.#addMultiple(result, values[value]!, factor, BigInt(factor));
      if (offset !== 0) this.#evaluator.addConstantTo(result, offset);
      return result;
    } catch (error) {
      result[Symbol.dispose]();
      throw error;
    }
  }

  #sumAbove(
    terms: readonly { readonly value: number; readonly factor: number }[],
    values: readonly Ciphertext[],
    level: number,
    scale: number,
  ): Ciphertext {
    const { context, slots } = values[0]!;
    const sumScale = scale * context.parameters.primeAt(level + 1);
    using sum = new Ciphertext(context, level + 1, sumScale, slots);
    sum.clear();
    for (const { value, factor } of terms) {
      const element = values[value]!;
      this.#addMultiple(sum, element, factor, scaledInteger(factor, sumScale / element.scale));
    }
    const result = this.#evaluator.rescale(sum);
    result.scale = scale;
    return result;
  }

  /** sum += factor * element, with `integer` the factor at the scale that brings the term to the sum's. */
  #addMultiple(sum: Ciphertext, element: Ciphertext, factor: number, integer: bigint): void {
    checkConstant(sum.context.parameters, factor, sum.scale, sum.level);
    for (const part of [0, 1])
      sum.context.ring.multiplyScalarAccumulate(sum.part(part), element.part(part), integer, sum.basis);
  }
}

import { type EvaluationPlan, evaluationPlan, isConstant, optimalDepth, type PlanNode } from '@cipherformer/approx';
import { OperandError } from '../../errors/index.ts';
import {
  Ciphertext,
  checkConstant,
  checkOperand,
  checkScale,
  type Evaluator,
  scaledInteger,
} from '../../scheme/index.ts';

/**
 * Evaluates polynomials in the Chebyshev basis on ciphertexts, at optimal depth and with an exact target scale
 * (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 3): every constant is encoded at the scale
 * that makes its term meet the others, so nothing is ever rescaled to fit. Products of a chain of remainders are summed
 * before they are relinearised.
 */
export class PolynomialEvaluator {
  readonly #evaluator: Evaluator;

  constructor(evaluator: Evaluator) {
    this.#evaluator = evaluator;
  }

  /**
   * p(t) for t in [-1, 1] in every slot. Cost: `evaluationCost` of @cipherformer/approx.
   * @param coefficients of T_0, T_1, ...
   * @param targetScale of the result, exactly; default: t's own
   * @returns a ciphertext at level t.level - ceil(log2(degree + 1))
   * @throws OperandError for a constant, too few levels, a scale without room, or coefficients that are not finite;
   * KeyError without a relinearisation key
   */
  evaluate(t: Ciphertext, coefficients: readonly number[], targetScale = t.scale): Ciphertext {
    // Before the plan: that of a huge polynomial would take long.
    this.#check(t, levelsOf(coefficients));
    return this.evaluatePlan(t, evaluationPlan(coefficients), targetScale);
  }

  /**
   * The same for coefficients of 1, t, t^2, ...: evaluated in the Chebyshev basis, where powers neither cancel nor need
   * a level more. Large coefficients that cancel on [-1, 1] lose precision in the conversion, as they would in powers.
   */
  evaluateMonomial(t: Ciphertext, coefficients: readonly number[], targetScale = t.scale): Ciphertext {
    this.#check(t, levelsOf(coefficients));
    return this.evaluate(t, chebyshevFromMonomial(coefficients), targetScale);
  }

  /** The same for a plan made before: one plan serves any number of ciphertexts. */
  evaluatePlan(t: Ciphertext, plan: EvaluationPlan, targetScale = t.scale): Ciphertext {
    const { levels } = plan.cost;
    this.#check(t, levels);
    checkScale(this.#evaluator.context.parameters, targetScale, t.level - levels);
    const basis = new Map<number, Ciphertext>([[1, t]]);
    try {
      for (const { index, left, right } of plan.basis) basis.set(index, this.#basisElement(basis, left, right));
      return this.#value(plan.root, basis, t.level - levels, targetScale);
    } finally {
      for (const [index, element] of basis) if (index !== 1) element[Symbol.dispose]();
    }
  }

  #check(t: Ciphertext, levels: number): void {
    checkOperand(this.#evaluator.context, t, 'the operand of a polynomial');
    if (levels === 0) throw new OperandError('a constant polynomial needs no evaluation: use the constant itself');
    if (t.level < levels) {
      throw new OperandError(
        `a polynomial of ${levels} levels cannot be evaluated at level ${t.level}: bootstrap first, or lower its degree`,
      );
    }
  }

  /** T_(left + right) = 2 T_left T_right - T_(left - right) */
  #basisElement(basis: ReadonlyMap<number, Ciphertext>, left: number, right: number): Ciphertext {
    const ev = this.#evaluator;
    using product = ev.multiplyRaw(basis.get(left)!, basis.get(right)!);
    ev.addTo(product, product);
    if (left === right) {
      ev.addConstantTo(product, -1);
    } else {
      this.#addMultiple(product, basis.get(left - right)!, -1);
    }
    return ev.relineariseRescale(product);
  }

  /** The value of a plan's node at `level` with exactly `scale`. */
  #value(node: PlanNode, basis: ReadonlyMap<number, Ciphertext>, level: number, scale: number): Ciphertext {
    const ev = this.#evaluator;
    const { context, slots } = basis.get(1)!;
    const parts = hasProduct(node) ? 3 : 2;
    using sum = new Ciphertext(context, level + 1, scale * context.parameters.primeAt(level + 1), slots, parts);
    let started = false;
    for (let at: PlanNode | undefined = node; at; at = at.kind === 'split' ? at.remainder : undefined) {
      if (at.kind === 'sum') {
        this.#addSum(sum, at.coefficients, basis, started);
      } else if (isConstant(at.quotient)) {
        this.#addMultiple(sum, basis.get(at.giant)!, at.quotient.coefficients[0]!, started);
      } else {
        const giant = basis.get(at.giant)!;
        using quotient = this.#value(at.quotient, basis, level + 1, sum.scale / giant.scale);
        ev.multiplyRawTo(sum, quotient, giant, started);
      }
      started = true;
    }
    return parts === 3 ? ev.relineariseRescale(sum) : ev.rescale(sum);
  }

  #addSum(
    sum: Ciphertext,
    coefficients: readonly number[],
    basis: ReadonlyMap<number, Ciphertext>,
    started: boolean,
  ): void {
    let begun = started;
    for (let j = 1; j < coefficients.length; j++) {
      if (coefficients[j] === 0) continue;
      this.#addMultiple(sum, basis.get(j)!, coefficients[j]!, begun);
      begun = true;
    }
    if (!begun) sum.clear();
    if (coefficients[0] !== 0) this.#evaluator.addConstantTo(sum, coefficients[0]!);
  }

  /** sum (+)= factor * element, the factor encoded at the scale that brings the term to the sum's. */
  #addMultiple(sum: Ciphertext, element: Ciphertext, factor: number, accumulate = true): void {
    const { ring } = this.#evaluator.context;
    checkConstant(sum.context.parameters, factor, sum.scale, sum.level);
    const integer = scaledInteger(factor, sum.scale / element.scale);
    if (!accumulate) sum.clear();
    for (let i = 0; i < element.size; i++)
      ring.multiplyScalarAccumulate(sum.part(i), element.part(i), integer, sum.basis);
  }
}

/** What evaluating a plan at `level` costs: the level of every relinearisation, and of every rescaling without one. */
export function evaluationWork(
  plan: EvaluationPlan,
  level: number,
): { relinearisations: number[]; rescalings: number[] } {
  const relinearisations: number[] = [];
  const rescalings: number[] = [];
  const levelOf = new Map([[1, level]]);
  for (const { index, left, right } of plan.basis) {
    const product = Math.min(levelOf.get(left)!, levelOf.get(right)!);
    relinearisations.push(product);
    levelOf.set(index, product - 1);
  }
  const visit = (node: PlanNode, resultLevel: number) => {
    (hasProduct(node) ? relinearisations : rescalings).push(resultLevel + 1);
    for (let at: PlanNode | undefined = node; at?.kind === 'split'; at = at.remainder) {
      if (!isConstant(at.quotient)) visit(at.quotient, resultLevel + 1);
    }
  };
  visit(plan.root, level - plan.cost.levels);
  return { relinearisations, rescalings };
}

/** Levels of a polynomial of these coefficients, in either basis. */
function levelsOf(coefficients: readonly number[]): number {
  return optimalDepth(coefficients.findLastIndex((c) => c !== 0));
}

/** Whether the value of a node sums products of ciphertexts, so that it has to be relinearised. */
export function hasProduct(node: PlanNode): boolean {
  return node.kind === 'split' && (!isConstant(node.quotient) || hasProduct(node.remainder));
}

/**
 * Coefficients of T_0, T_1, ... from those of 1, t, ...: Horner's rule with t T_j = (T_(j+1) + T_|j-1|) / 2.
 * Cost: O(degree^2).
 */
export function chebyshevFromMonomial(coefficients: readonly number[]): number[] {
  let result: number[] = [];
  for (const c of [...coefficients].reverse()) {
    const next = new Array<number>(Math.max(1, result.length + 1)).fill(0);
    for (const [j, r] of result.entries()) {
      next[j + 1]! += j === 0 ? r : r / 2;
      if (j > 0) next[j - 1]! += r / 2;
    }
    next[0]! += c;
    result = next;
  }
  return result;
}

import type { Polynomial } from '../polynomial.ts';

/** What an encrypted evaluation spends. */
export interface EvaluationCost {
  /** Rescalings on the longest path. The map of x to [-1, 1] is not counted: it folds into the layer before. */
  readonly levels: number;
  /** Products of two ciphertexts, squarings included; each needs a relinearisation unless products are summed first. */
  readonly ciphertextMultiplications: number;
  /** Of those, how many are squarings. */
  readonly squarings: number;
  /** Products of a ciphertext and a constant. Factors that are whole numbers are free: they need no rescaling. */
  readonly plaintextMultiplications: number;
  readonly additions: number;
}

/** T_index = 2 T_left T_right - T_(left - right), left >= right >= 1. */
export interface BasisStep {
  readonly index: number;
  readonly left: number;
  readonly right: number;
}

/** A piece of the polynomial: a sum of constants times basis elements, or quotient * T_giant + remainder. */
export type PlanNode =
  | { readonly kind: 'sum'; readonly coefficients: readonly number[]; readonly depth: number }
  | {
      readonly kind: 'split';
      readonly giant: number;
      readonly quotient: PlanNode;
      readonly remainder: PlanNode;
      readonly depth: number;
    };

/** How to evaluate a polynomial: compute `basis` in order, then `root` bottom-up. */
export interface EvaluationPlan {
  /** Baby steps: sums use T_j with j < babySteps; giant steps are babySteps * 2^i. */
  readonly babySteps: number;
  readonly basis: readonly BasisStep[];
  readonly root: PlanNode;
  readonly cost: EvaluationCost;
}

/**
 * Baby-step giant-step (Paterson-Stockmeyer) evaluation in the Chebyshev basis at the optimal depth
 * ceil(log2(degree + 1)), constants included. Division by T_g: T_(g+j) = 2 T_g T_j - T_(g-j). Only the chain of leading
 * quotients has no level to spare; where a sum there would come one level late it is split further (Bossuat, Mouchet,
 * Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 3 and algorithm 1). Every number of baby steps is tried and only
 * basis elements with a nonzero coefficient are computed, so even, odd and "x/2 + even" polynomials cost less by themselves.
 *
 * @param coefficients of T_0, T_1, ... in the variable t in [-1, 1]
 */
export function evaluationPlan(coefficients: readonly number[]): EvaluationPlan {
  const trimmed = trim(coefficients);
  const degree = trimmed.length - 1;
  let best: EvaluationPlan | undefined;
  for (let babySteps = 2; babySteps <= Math.max(2, Math.min(degree + 1, 4 * Math.sqrt(degree + 1))); babySteps++) {
    const root = planNode(trimmed, optimalDepth(degree), babySteps);
    if (root === undefined) continue;
    const plan = finishPlan(root, babySteps);
    if (best === undefined || cheaper(plan.cost, best.cost)) best = plan;
  }
  return best!;
}

/** The cost of evaluating a polynomial under encryption, by `evaluationPlan`. */
export function evaluationCost(polynomial: Polynomial): EvaluationCost {
  return evaluationPlan(polynomial.coefficients).cost;
}

/** ceil(log2(degree + 1)): the fewest levels for a polynomial of that degree with constants as plaintexts. */
export function optimalDepth(degree: number): number {
  return degree < 1 ? 0 : Math.floor(Math.log2(degree)) + 1;
}

/** Depth of T_index: ceil(log2(index)). */
export function basisDepth(index: number): number {
  return index <= 1 ? 0 : Math.floor(Math.log2(index - 1)) + 1;
}

/** The value of a plan at t in [-1, 1]: the meaning of a plan, for tests and for back ends without encryption. */
export function evaluatePlan(plan: EvaluationPlan, t: number): number {
  const basis = new Map([
    [0, 1],
    [1, t],
  ]);
  for (const { index, left, right } of plan.basis)
    basis.set(index, 2 * basis.get(left)! * basis.get(right)! - basis.get(left - right)!);
  const value = (node: PlanNode): number =>
    node.kind === 'sum'
      ? node.coefficients.reduce((sum, c, j) => (c === 0 ? sum : sum + c * basis.get(j)!), 0)
      : value(node.quotient) * basis.get(node.giant)! + value(node.remainder);
  return value(plan.root);
}

function cheaper(a: EvaluationCost, b: EvaluationCost): boolean {
  const keys = ['levels', 'ciphertextMultiplications', 'plaintextMultiplications', 'additions'] as const;
  for (const key of keys) if (a[key] !== b[key]) return a[key] < b[key];
  return false;
}

function trim(coefficients: readonly number[]): readonly number[] {
  let length = coefficients.length;
  while (length > 1 && coefficients[length - 1] === 0) length--;
  return length === 0 ? [0] : coefficients.slice(0, length);
}

/** The plan of one piece within `budget` levels, or undefined where this number of baby steps cannot meet it. */
function planNode(coefficients: readonly number[], budget: number, babySteps: number): PlanNode | undefined {
  const degree = coefficients.length - 1;
  if (degree < babySteps) {
    const depth = sumDepth(coefficients);
    if (depth <= budget) return { kind: 'sum', coefficients, depth };
  }
  let best: PlanNode | undefined;
  for (const giant of giantStepsFor(degree, babySteps)) {
    if (basisDepth(giant) >= budget) continue;
    const { quotient, remainder } = divide(coefficients, giant);
    const q = planNode(quotient, budget - 1, babySteps);
    const r = q && planNode(remainder, budget, babySteps);
    if (q === undefined || r === undefined) continue;
    const node = { kind: 'split', giant, quotient: q, remainder: r, depth: splitDepth(giant, q, r) } as const;
    if (best === undefined || splits(node) < splits(best)) best = node;
  }
  return best;
}

/** Divisors worth trying: at least half the degree, so that the remainder's indices stay positive. */
function giantStepsFor(degree: number, babySteps: number): number[] {
  let giant = babySteps;
  while (2 * giant <= degree) giant *= 2;
  if (degree >= babySteps) return [giant];
  // A sum on the tight chain came too late: split it by one of the baby steps.
  const from = Math.ceil(degree / 2);
  return Array.from({ length: degree - from + 1 }, (_, i) => degree - i).filter((g) => g >= 2);
}

function divide(coefficients: readonly number[], giant: number) {
  const quotient = coefficients.slice(giant).map((c, j) => (j === 0 ? c : 2 * c));
  const remainder = coefficients.slice(0, giant);
  for (let j = 1; giant + j < coefficients.length; j++) remainder[giant - j]! -= coefficients[giant + j]!;
  return { quotient, remainder: trim(remainder) };
}

function sumDepth(coefficients: readonly number[]): number {
  return coefficients.reduce((depth, c, j) => (c === 0 || j === 0 ? depth : Math.max(depth, basisDepth(j) + 1)), 0);
}

function splitDepth(giant: number, quotient: PlanNode, remainder: PlanNode): number {
  return Math.max(Math.max(basisDepth(giant), quotient.depth) + 1, remainder.depth);
}

/** A quotient that is a number: its product is one with a plaintext. */
export function isConstant(node: PlanNode): node is PlanNode & { readonly kind: 'sum' } {
  return node.kind === 'sum' && node.coefficients.length === 1;
}

function splits(node: PlanNode): number {
  if (node.kind === 'sum') return 0;
  return (isConstant(node.quotient) ? 0 : 1) + splits(node.quotient) + splits(node.remainder);
}

function finishPlan(root: PlanNode, babySteps: number): EvaluationPlan {
  const needed = new Set<number>();
  let products = 0;
  let plaintexts = 0;
  let additions = 0;
  const visit = (node: PlanNode) => {
    if (node.kind === 'sum') {
      node.coefficients.forEach((c, j) => {
        if (c === 0) return;
        additions++;
        if (j === 0) return;
        needed.add(j);
        plaintexts++;
      });
      additions--;
      return;
    }
    needed.add(node.giant);
    if (isConstant(node.quotient)) plaintexts++;
    else {
      products++;
      visit(node.quotient);
    }
    additions++;
    visit(node.remainder);
  };
  visit(root);
  const basis = basisSteps(needed);
  const squarings = basis.filter(({ left, right }) => left === right).length;
  return {
    babySteps,
    basis,
    root,
    cost: {
      levels: root.depth,
      ciphertextMultiplications: products + basis.length,
      squarings,
      plaintextMultiplications: plaintexts,
      additions: Math.max(0, additions) + 2 * basis.length,
    },
  };
}

/** The products that give the needed basis elements, each at its least depth, with as few helpers as possible. */
function basisSteps(needed: ReadonlySet<number>): BasisStep[] {
  const have = new Set([0, 1]);
  const steps: BasisStep[] = [];
  const make = (index: number) => {
    if (have.has(index)) return;
    let best: BasisStep | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let right = Math.floor(index / 2); right >= 1; right--) {
      const left = index - right;
      if (Math.max(basisDepth(left), basisDepth(right)) + 1 > basisDepth(index)) continue;
      const missing = new Set([left, right, left - right].filter((i) => !have.has(i))).size;
      if (missing < least) {
        least = missing;
        best = { index, left, right };
      }
    }
    const { left, right } = best!;
    make(right);
    make(left);
    make(left - right);
    have.add(index);
    steps.push(best!);
  };
  for (const index of [...needed].sort((a, b) => a - b)) make(index);
  return steps;
}

import { modulo } from '@cipherformer/base';

/** What a baby step costs of a giant step: it stays in the extended basis and is decomposed once for all. */
const babyShare = 0.125;
/** The same where it is divided: about what a giant step costs. */
const dividedBabyShare = 1;
/** An engine holds about this many diagonals at a time, and turns its inputs anew for the next ones, unless those are divided. */
const diagonalsAtOnce = 64;

/** The map that steps are for. */
export interface StepsShape {
  readonly inputs: number;
  readonly outputs: number;
  /** Of all outputs and inputs together; those that repeat so often that all fit are counted as none. */
  readonly diagonals: number;
  readonly dividesBabies: boolean;
}

export interface BabyGiantSteps {
  readonly babySteps: readonly number[];
  readonly giantSteps: readonly number[];
}

/**
 * Baby and giant steps that reach all rotations unit * r, with the fewest key switches: every input is turned by every
 * baby step, every output's partial sums by every giant step.
 *
 * @param turns the r, possibly negative
 */
export function babyGiantSteps(
  turns: Iterable<number>,
  unit: number,
  slots: number,
  { inputs, outputs, diagonals, dividesBabies }: StepsShape,
): BabyGiantSteps {
  const wanted = [...new Set(turns)];
  const share = dividesBabies ? dividedBabyShare : babyShare * Math.max(1, Math.ceil(diagonals / diagonalsAtOnce));
  const reach = Math.max(1, ...wanted.map(Math.abs));
  let best: { cost: number; babySteps: Set<number>; giantSteps: Set<number> } | undefined;
  for (let width = 1; width <= 2 * reach; width *= 2) {
    const babySteps = new Set(wanted.map((turn) => modulo(turn, width)));
    const giantSteps = new Set(wanted.map((turn) => turn - modulo(turn, width)));
    const cost = share * inputs * turning(babySteps) + outputs * turning(giantSteps);
    if (best === undefined || cost < best.cost) best = { cost, babySteps, giantSteps };
  }
  const inSlots = (steps: Set<number>) =>
    [...new Set([...steps].map((step) => modulo(step * unit, slots)))].sort((a, b) => a - b);
  return { babySteps: inSlots(best!.babySteps), giantSteps: inSlots(best!.giantSteps) };
}

function turning(steps: ReadonlySet<number>): number {
  return steps.size - (steps.has(0) ? 1 : 0);
}

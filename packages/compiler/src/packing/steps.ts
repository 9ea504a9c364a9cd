import { modulo } from '../program/check.ts';

/** What a hoisted rotation (baby step) costs of a lone one (giant step). */
const hoistedShare = 0.5;

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
  inputs: number,
  outputs: number,
): BabyGiantSteps {
  const wanted = [...new Set(turns)];
  const reach = Math.max(1, ...wanted.map(Math.abs));
  let best: { cost: number; babies: Set<number>; giants: Set<number> } | undefined;
  for (let width = 1; width <= 2 * reach; width *= 2) {
    const babies = new Set(wanted.map((turn) => modulo(turn, width)));
    const giants = new Set(wanted.map((turn) => turn - modulo(turn, width)));
    const cost = hoistedShare * inputs * turning(babies) + outputs * turning(giants);
    if (best === undefined || cost < best.cost) best = { cost, babies, giants };
  }
  const inSlots = (steps: Set<number>) =>
    [...new Set([...steps].map((step) => modulo(step * unit, slots)))].sort((a, b) => a - b);
  return { babySteps: inSlots(best!.babies), giantSteps: inSlots(best!.giants) };
}

function turning(steps: ReadonlySet<number>): number {
  return steps.size - (steps.has(0) ? 1 : 0);
}

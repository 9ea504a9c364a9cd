import { PlacementError } from '../errors.ts';
import type { BootstrapPricing } from '../plan/machine.ts';
import type { Lowered } from './groups.ts';

/** Levels and bootstraps of a lowered model. */
export interface Placement {
  /** For each group the level of its results. */
  readonly levels: readonly number[];
  /** For each group the tensors refreshed together just before it. */
  readonly refreshed: readonly (readonly number[])[];
  /** For each tensor from the client the level it is needed at. */
  readonly inputLevels: ReadonlyMap<number, number>;
  /** Predicted, in seconds. */
  readonly seconds: number;
}

/** Seconds of a group whose results are at that level. */
export type GroupCost = (group: number, level: number) => number;

/** One way to run the groups from some group to the end. */
interface State {
  /** Seconds from here on. */
  readonly seconds: number;
  /** For each live tensor the level it has to have. */
  readonly needs: ReadonlyMap<number, number>;
  readonly next?: State;
  readonly level: number;
  readonly refreshed: readonly number[];
}

/**
 * The cheapest levels and bootstraps, exactly. Groups are walked backwards: what later groups need of a value fixes the
 * lowest level it may be made at, and lower is cheaper, so the only choice is which live values to refresh before a group
 * (one of its operands among them: a bootstrap right before the first use that needs it is never worse). A state is dropped
 * where another one costs no more and needs no more of any value. Bootstraps are priced by pairs and what is left.
 *
 * @param keptLevel of what the server keeps from run to run, which is never refreshed
 * @throws PlacementError where no bootstrap can help, naming the part of the model
 */
export function placeBootstraps(
  lowered: Lowered,
  machine: BootstrapPricing,
  cost: GroupCost,
  keptLevel = 0,
): Placement {
  const { tensors, groups, inputs, output, sentinel, kept } = lowered;
  const given = new Set(inputs.map(({ tensor }) => tensor));
  const needs = new Map([[output.tensor, 0]]);
  if (sentinel?.tensor !== undefined) needs.set(sentinel.tensor, sentinel.level);
  for (const tensor of kept?.outputs ?? []) needs.set(tensor, keptLevel);
  let states: State[] = [{ seconds: 0, needs, level: 0, refreshed: [] }];
  for (let g = groups.length - 1; g >= 0; g--) {
    const group = groups[g]!;
    const candidates = states.flatMap((state) => {
      const before = beforeGroup(lowered, machine, cost, g, state);
      if (!before) return [];
      const operands = new Set(group.operands.map(({ tensor }) => tensor));
      const choices = refreshChoices(lowered, machine, before, operands, given);
      return [before, ...choices.map((refreshed) => refresh(before, refreshed, lowered, machine))];
    });
    // Before the first group a client's value has to be as the client brings it; later a bootstrap may still come before.
    const reachable = (tensor: number, need: number) =>
      need <= machine.inputLevel || (g > 0 && tensors[tensor]!.refreshable && need <= machine.bootstrapOutputLevel);
    const possible = ({ needs }: State) =>
      inputs.every(({ tensor }) => reachable(tensor, needs.get(tensor) ?? 0)) &&
      (kept?.inputs ?? []).every((tensor) => (needs.get(tensor) ?? 0) <= keptLevel);
    states = undominated(candidates.filter(possible));
    if (states.length === 0) throw unreachable(lowered, machine, g);
  }
  const best = states.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const levels: number[] = [];
  const refreshed: (readonly number[])[] = [];
  for (let at: State = best; at.next; at = at.next) {
    levels.push(at.level);
    refreshed.push(at.refreshed);
  }
  const inputLevels = new Map([...best.needs].filter(([tensor]) => given.has(tensor)));
  for (const { tensor } of inputs) if (!inputLevels.has(tensor)) inputLevels.set(tensor, 0);
  return { levels, refreshed, inputLevels, seconds: best.seconds };
}

/** The state before a group without a bootstrap, or undefined where a result would have to be above the top level. */
function beforeGroup(
  { groups }: Lowered,
  machine: BootstrapPricing,
  cost: GroupCost,
  g: number,
  next: State,
): State | undefined {
  const { results, operands } = groups[g]!;
  const level = Math.max(0, ...results.map((tensor) => next.needs.get(tensor) ?? 0));
  const needs = new Map(next.needs);
  for (const tensor of results) needs.delete(tensor);
  const top = Math.max(machine.bootstrapOutputLevel, machine.inputLevel);
  for (const { tensor, above } of operands) {
    const need = Math.max(needs.get(tensor) ?? 0, level + above);
    if (need > top) return undefined;
    needs.set(tensor, need);
  }
  return { seconds: next.seconds + cost(g, level), needs, next, level, refreshed: [] };
}

/**
 * Sets of live values to refresh together: operands that gain by it, and where their ciphertexts leave one without a
 * partner, one other value with an odd number of them. More would cost as much later. What clients bring gains nothing.
 */
function refreshChoices(
  { tensors }: Lowered,
  { bootstrapInputLevel, bootstrapOutputLevel, inputLevel }: BootstrapPricing,
  { needs }: State,
  operands: ReadonlySet<number>,
  given: ReadonlySet<number>,
): number[][] {
  const useful = [...needs].flatMap(([tensor, need]) => {
    const gains = need > bootstrapInputLevel && need <= bootstrapOutputLevel && tensors[tensor]!.refreshable;
    return gains && !(given.has(tensor) && need <= inputLevel) ? [tensor] : [];
  });
  let sets: number[][] = [[]];
  for (const tensor of useful) if (operands.has(tensor)) sets = sets.flatMap((set) => [set, [...set, tensor]]);
  const isOdd = (set: readonly number[]) =>
    set.reduce((sum, tensor) => sum + tensors[tensor]!.ciphertexts, 0) % 2 === 1;
  const others = useful.filter((tensor) => !operands.has(tensor) && isOdd([tensor]));
  return sets.flatMap((set) => {
    if (set.length === 0) return [];
    return isOdd(set) ? [set, ...others.map((other) => [...set, other])] : [set];
  });
}

function refresh(state: State, refreshed: readonly number[], { tensors }: Lowered, machine: BootstrapPricing): State {
  const needs = new Map(state.needs);
  for (const tensor of refreshed) needs.set(tensor, machine.bootstrapInputLevel);
  const ciphertexts = refreshed.reduce((sum, tensor) => sum + tensors[tensor]!.ciphertexts, 0);
  return { ...state, seconds: state.seconds + machine.bootstrapSeconds(ciphertexts), needs, refreshed };
}

/** All states of one moment have the same live tensors. */
function undominated(states: readonly State[]): State[] {
  const kept: State[] = [];
  for (const state of [...states].sort((a, b) => a.seconds - b.seconds))
    if (!kept.some((other) => noMore(other.needs, state.needs))) kept.push(state);
  return kept;
}

function noMore(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  for (const [tensor, need] of a) if (need > b.get(tensor)!) return false;
  return true;
}

function unreachable({ groups, tensors }: Lowered, machine: BootstrapPricing, g: number): PlacementError {
  const { source, operands } = groups[g]!;
  const span = machine.bootstrapOutputLevel - machine.bootstrapInputLevel;
  const wide = operands
    .filter(({ tensor }) => !tensors[tensor]!.refreshable)
    .map(({ tensor }) => tensors[tensor]!.name);
  const depth = Math.max(0, ...operands.map(({ above }) => above));
  const advice =
    wide.length > 0
      ? `${wide.join(', ')} may leave [-1, 1] and cannot be bootstrapped: recalibrate its bound`
      : 'lower the degrees of its polynomials, or use parameters with more levels';
  return new PlacementError(
    `${source} needs ${depth} levels after what precedes it, and ${span} lie between two bootstraps: ${advice}`,
  );
}

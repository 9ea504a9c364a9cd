import type { PolynomialGraph } from '@cipherformer/model';
import type { EncryptedProgram } from '@cipherformer/runtime';
import { LayoutError, PlacementError } from '../errors.ts';
import { type Geometry, geometryOf } from '../packing/geometry.ts';
import { defaultMachine, type MachineModel, secondsOn } from '../plan/machine.ts';
import { emitProgram } from './emit.ts';
import { zeroEmptyRows } from './empty-rows.ts';
import { normalise } from './factors.ts';
import { Emitter, type Lowered } from './groups.ts';
import { lowerModel } from './lower.ts';
import { type Model, modelOf } from './model.ts';
import { operations } from './operations.ts';
import { type GroupCost, type Placement, placeBootstraps } from './placement.ts';
import type { SkewStages } from './skews.ts';

export interface CompileOptions {
  /** Slots of a ciphertext. Default 2^15. */
  readonly slots?: number;
  /** Examples computed at once, a power of two; inputs and outputs are [batch, ...]. Default 1: the least latency. */
  readonly batch?: number;
  /** The engine and computer to plan for. */
  readonly machine?: MachineModel;
}

export interface Compiled {
  readonly program: EncryptedProgram;
  /** Examples that a run computes. */
  readonly batch: number;
  readonly lowered: Lowered;
  /** Its seconds are those of the whole program, with the range check of what is refreshed. */
  readonly placement: Placement;
  readonly machine: MachineModel;
}

interface Attempt {
  readonly lowered: Lowered;
  readonly placement: Placement;
}

/** Doubled padding is tried where it takes hardly more ciphertexts. */
const acceptableGrowth = 1.25;

export const skewChoices: readonly SkewStages[] = ([1, 2] as const).flatMap((keys) =>
  ([1, 2] as const).map((values) => ({ keys, values })),
);

/**
 * Compiles a polynomial model: factors, layouts, groups of instructions, bootstraps, program. The fastest of a few ways to
 * lay out tokens and attention is taken. The same graph and options give the same program.
 *
 * @throws ShapeError (package model), LayoutError or PlacementError, naming the part of the model
 * Cost: seconds, in which it is synchronous and cannot be stopped: a process or worker of its own keeps a page or a service answering.
 * Diagonals are made later, when they are used.
 */
export function compile(graph: PolynomialGraph, options: CompileOptions = {}): Compiled {
  const { slots = 2 ** 15, batch = 1, machine = defaultMachine() } = options;
  const model = modelOf(graph, operations);
  const tight = lowerings(model, geometryOf(slots, model.tokens, batch, 1, model.windows), machine);
  const wide = unlessRefused(() => lowerings(model, geometryOf(slots, model.tokens, batch, 2, model.windows), machine));
  const room = acceptableGrowth * ciphertextsIn(tight[0]!);
  const candidates = !isRefusal(wide) && ciphertextsIn(wide[0]!) <= room ? [...tight, ...wide] : tight;
  const attempts = candidates.map((lowered) =>
    unlessRefused(
      (): Attempt => ({ lowered, placement: placeBootstraps(lowered, machine, groupCosts(lowered, machine, slots)) }),
    ),
  );
  const plans = attempts.filter((attempt): attempt is Attempt => !isRefusal(attempt));
  // The first one needs the fewest levels: its reason is the one to give.
  if (plans.length === 0) throw attempts[0]!;
  const { lowered, placement } = plans.reduce((a, b) => (b.placement.seconds < a.placement.seconds ? b : a));
  const program = emitProgram(lowered, placement, machine, slots);
  return { program, batch, lowered, placement: { ...placement, seconds: programSeconds(program, machine) }, machine };
}

export interface ThroughputOptions extends Omit<CompileOptions, 'batch'> {
  /** Whether a program is affordable, in memory say. A single input is compiled whatever it costs. Default: all are. */
  readonly affordable?: (program: EncryptedProgram) => boolean;
}

/**
 * Compiles for many inputs: the batch that makes the predicted time of one the least, of all powers of two that fit the
 * slots and are affordable. Errors as `compile`. Cost: as many compilations.
 */
export function compileForThroughput(graph: PolynomialGraph, options: ThroughputOptions = {}): Compiled {
  const { affordable = () => true } = options;
  let best = compile(graph, { ...options, batch: 1 });
  for (let batch = 2; ; batch *= 2) {
    const next = unlessRefused(() => compile(graph, { ...options, batch }));
    if (next instanceof LayoutError) return best;
    if (isRefusal(next)) continue;
    const faster = next.placement.seconds / batch < best.placement.seconds / best.batch;
    if (faster && affordable(next.program)) best = next;
  }
}

/** The model lowered with each choice of skews. */
function lowerings(model: Model, geometry: Geometry, { period }: MachineModel): Lowered[] {
  const normalised = normalise(zeroEmptyRows(model, geometry));
  return skewChoices.map((stages) => lowerModel(normalised, geometry, stages, { period }));
}

function ciphertextsIn({ tensors }: Lowered): number {
  return tensors.reduce((sum, { ciphertexts }) => sum + ciphertexts, 0);
}

/** A way to lay out or to place that this model does not allow; another may. */
type Refusal = LayoutError | PlacementError;

export const isRefusal = (value: unknown): value is Refusal =>
  value instanceof LayoutError || value instanceof PlacementError;

/** The result, or the compiler's reason to refuse. */
export function unlessRefused<Result>(work: () => Result): Result | Refusal {
  try {
    return work();
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

/** Seconds of each group by level, each found once by writing the group's instructions. */
export function groupCosts({ groups, tensors }: Lowered, machine: MachineModel, slots: number): GroupCost {
  const known = new Map<string, number>();
  return (g, level) => {
    const key = `${g} ${level}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const emitter = new Emitter((instruction) => secondsOn(machine, instruction, slots));
    const operands = groups[g]!.operands.map(({ tensor }) =>
      Array.from({ length: tensors[tensor]!.ciphertexts }, () => emitter.register()),
    );
    groups[g]!.emit(emitter, level, operands);
    const { instructions, masks } = emitter;
    const seconds = programSeconds({ slots, instructions, masks }, machine);
    known.set(key, seconds);
    return seconds;
  };
}

/** Predicted processor seconds of a whole program. */
export function programSeconds(
  program: Pick<EncryptedProgram, 'slots' | 'instructions' | 'masks'>,
  machine: MachineModel,
): number {
  return program.instructions.reduce(
    (sum, instruction) => sum + machine.seconds(machine.operations(instruction, program)),
    0,
  );
}

import type { PolynomialGraph } from '@cipherformer/nn/polynomial';
import { CompilerError } from '../errors.ts';
import { geometryOf } from '../packing/geometry.ts';
import { defaultMachine, type MachineModel } from '../plan/machine.ts';
import type { EncryptedProgram } from '../program/instructions.ts';
import { emitProgram } from './emit.ts';
import { zeroEmptyRows } from './empty-rows.ts';
import { normalise } from './factors.ts';
import { Emitter, type Lowered } from './groups.ts';
import { lowerModel } from './lower.ts';
import type { SkewStages } from './lower-attention.ts';
import { type Model, modelOf } from './model.ts';
import { type GroupCost, type Placement, placeBootstraps } from './placement.ts';

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
  readonly lowered: Lowered;
  readonly placement: Placement;
  readonly machine: MachineModel;
}

/** What the compiler decides by the time it predicts, for the whole program. */
interface Variant {
  /** Padded tokens: the next power of two, or twice that. */
  readonly spread: 1 | 2;
  readonly stages: SkewStages;
}

interface Attempt {
  readonly lowered: Lowered;
  readonly placement: Placement;
}

const variants: readonly Variant[] = ([1, 2] as const).flatMap((spread) =>
  ([1, 2] as const).flatMap((keys) => ([1, 2] as const).map((values) => ({ spread, stages: { keys, values } }))),
);

/**
 * Compiles a polynomial model: factors, layouts, groups of instructions, bootstraps, program. The fastest of a few ways to
 * lay out tokens and attention is taken. The same graph and options give the same program.
 *
 * @throws ShapeError (package nn), LayoutError or PlacementError, naming the part of the model
 * Cost: seconds; diagonals are made later, when they are used.
 */
export function compile(graph: PolynomialGraph, options: CompileOptions = {}): Compiled {
  const { slots = 2 ** 15, batch = 1, machine = defaultMachine() } = options;
  const model = modelOf(graph);
  const attempts = variants.map((variant) => attempt(model, variant, slots, batch, machine));
  const plans = attempts.filter((plan): plan is Attempt => !(plan instanceof CompilerError));
  // The first variant needs the least room and the fewest levels: its reason is the one to give.
  if (plans.length === 0) throw attempts[0]!;
  const { lowered, placement } = plans.reduce((a, b) => (b.placement.seconds < a.placement.seconds ? b : a));
  const program = emitProgram(lowered, placement, machine.bootstrapInputLevel, slots);
  return { program, lowered, placement, machine };
}

function attempt(
  model: Model,
  { spread, stages }: Variant,
  slots: number,
  batch: number,
  machine: MachineModel,
): Attempt | CompilerError {
  try {
    const geometry = geometryOf(slots, model.tokens, batch, spread);
    const lowered = lowerModel(normalise(zeroEmptyRows(model, geometry)), geometry, stages);
    return { lowered, placement: placeBootstraps(lowered, machine, groupCosts(lowered, machine, slots)) };
  } catch (error) {
    if (error instanceof CompilerError) return error;
    throw error;
  }
}

/** Seconds of each group by level, each found once by writing the group's instructions. */
function groupCosts({ groups, parts }: Lowered, machine: MachineModel, slots: number): GroupCost {
  const known = new Map<string, number>();
  return (g, level) => {
    const key = `${g} ${level}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const emitter = new Emitter();
    const operands = groups[g]!.operands.map(({ part }) =>
      Array.from({ length: parts[part]!.ciphertexts }, () => emitter.register()),
    );
    groups[g]!.emit(emitter, level, operands);
    const { masks } = emitter;
    const seconds = emitter.instructions.reduce(
      (sum, instruction) => sum + machine.seconds(machine.operations(instruction, { slots, masks })),
      0,
    );
    known.set(key, seconds);
    return seconds;
  };
}

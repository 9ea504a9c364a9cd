import type { PolynomialGraph } from '@cipherformer/nn/polynomial';
import { geometryOf } from '../packing/geometry.ts';
import { type MachineModel, roughMachine } from '../plan/machine.ts';
import { secondsOf, workOf } from '../plan/work.ts';
import type { EncryptedProgram } from '../program/instructions.ts';
import { emitProgram } from './emit.ts';
import { normalise } from './factors.ts';
import { Emitter, type Lowered } from './groups.ts';
import { lowerModel } from './lower.ts';
import { modelOf } from './model.ts';
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

/**
 * Compiles a polynomial model: factors, layouts, groups of instructions, bootstraps, program. The same graph and options
 * give the same program.
 *
 * @throws ShapeError (package nn), LayoutError or PlacementError, naming the part of the model
 * Cost: seconds; diagonals are made later, when they are used.
 */
export function compile(graph: PolynomialGraph, options: CompileOptions = {}): Compiled {
  const { slots = 2 ** 15, batch = 1, machine = roughMachine } = options;
  const geometry = geometryOf(slots, graph.tokens, batch);
  const lowered = lowerModel(normalise(modelOf(graph)), geometry);
  const placement = placeBootstraps(lowered, machine, groupCosts(lowered, machine, slots));
  const program = emitProgram(lowered, placement, machine.bootstrapInputLevel, slots);
  return { program, lowered, placement, machine };
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
    const maskPeriod = (mask: number) => emitter.masks[mask]!.period ?? slots;
    const seconds = emitter.instructions.reduce(
      (sum, instruction) => sum + secondsOf(workOf(instruction, slots, maskPeriod), machine),
      0,
    );
    known.set(key, seconds);
    return seconds;
  };
}

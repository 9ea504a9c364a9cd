import {
  type EncryptedProgram,
  isPackable,
  type ProgramOutput,
  type Register,
  registerLevels,
} from '@cipherformer/runtime';
import { type MachineModel, secondsOn } from '../plan/machine.ts';
import { Emitter, type Lowered } from './groups.ts';
import type { Placement } from './placement.ts';
import { RefreshCheck } from './refresh-check.ts';

/** Writes the program of a placement: bootstraps where they were placed and in the range check, every group at its level. */
export function emitProgram(
  lowered: Lowered,
  placement: Placement,
  machine: MachineModel,
  slots: number,
  keptLevel = 0,
): EncryptedProgram {
  const { tensors, groups, inputs, output, sentinel, kept } = lowered;
  const { levels, refreshed, inputLevels } = placement;
  const emitter = new Emitter((instruction) => secondsOn(machine, instruction, slots));
  const check = sentinel && new RefreshCheck(emitter, { ...lowered, sentinel }, placement, machine);
  const registers = new Map<number, readonly Register[]>();
  const programInputs = inputs.flatMap(({ tensor, name, factor, sources }) => {
    const own = sources.map(() => emitter.register());
    registers.set(tensor, own);
    return own.map((register, k) => ({ name, register, level: inputLevels.get(tensor)!, source: sources[k]!, factor }));
  });
  for (const tensor of kept?.inputs ?? [])
    registers.set(
      tensor,
      Array.from({ length: tensors[tensor]!.ciphertexts }, () => emitter.register()),
    );
  const keptInputs = (kept?.inputs ?? []).flatMap((tensor) => registers.get(tensor)!);
  for (const [g, group] of groups.entries()) {
    const fresh = refreshed[g]!;
    if (fresh.length > 0) {
      const before = fresh.flatMap((tensor) => registers.get(tensor)!);
      const outputs = before.map(() => emitter.register());
      const source = `${fresh.map((tensor) => tensors[tensor]!.name).join(' + ')} (bootstrap)`;
      emitter.push({ op: 'bootstrap', source, level: machine.bootstrapInputLevel, inputs: before, outputs });
      let taken = 0;
      for (const tensor of fresh) {
        const operands = registers.get(tensor)!;
        const results = outputs.slice(taken, taken + operands.length);
        check?.add(tensors[tensor]!, operands, results);
        registers.set(tensor, results);
        taken += operands.length;
      }
    }
    const operands = group.operands.map(({ tensor }) => registers.get(tensor)!);
    const results = group.emit(emitter, levels[g]!, operands);
    for (const [k, tensor] of group.results.entries()) registers.set(tensor, results[k]!);
  }
  const { factor, limit, period } = output;
  const outputs = output.reads.map(
    (read): ProgramOutput => ({
      name: 'logits',
      register: registers.get(output.tensor)![read.ciphertext]!,
      ...{ slots: read.slots, factor, limit, period },
    }),
  );
  const watched = sentinel?.tensor === undefined ? undefined : registers.get(sentinel.tensor)![0]!;
  const register = check?.finish(watched);
  if (sentinel && register !== undefined)
    outputs.push({ name: 'sentinel', register, slots: sentinel.slots, factor: 1, limit: sentinel.limit });
  const whole = { slots, inputs: programInputs, outputs };
  if (!kept) return packedWherePossible(emitter.program(whole), machine);
  const keptOutputs = kept.outputs.flatMap((tensor) => registers.get(tensor)!);
  const keeping = { level: keptLevel, inputs: keptInputs, outputs: keptOutputs };
  return packedWherePossible(emitter.program({ ...whole, kept: keeping }), machine);
}

/** Groups ask for operands that let product sums be packed; where a level is rather saved by placement, terms are worked one by one. */
function packedWherePossible(program: EncryptedProgram, machine: MachineModel): EncryptedProgram {
  const levels = registerLevels(program, machine);
  const instructions = program.instructions.map((instruction) => {
    if (instruction.op !== 'productSum' || isPackable(instruction, levels)) return instruction;
    const { packing: _, ...termByTerm } = instruction;
    return termByTerm;
  });
  return { ...program, instructions };
}

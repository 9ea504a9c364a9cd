import type { EncryptedProgram, ProgramOutput, Register } from '@cipherformer/runtime';
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
): EncryptedProgram {
  const { parts, groups, inputs, output, sentinel } = lowered;
  const { levels, refreshed, inputLevels } = placement;
  const emitter = new Emitter((instruction) => secondsOn(machine, instruction, slots));
  const check = sentinel && new RefreshCheck(emitter, { ...lowered, sentinel }, placement, machine);
  const registers = new Map<number, readonly Register[]>();
  const programInputs = inputs.flatMap(({ part, name, factor, sources }) => {
    const own = sources.map(() => emitter.register());
    registers.set(part, own);
    return own.map((register, k) => ({ name, register, level: inputLevels.get(part)!, source: sources[k]!, factor }));
  });
  for (const [g, group] of groups.entries()) {
    const fresh = refreshed[g]!;
    if (fresh.length > 0) {
      const before = fresh.flatMap((part) => registers.get(part)!);
      const outputs = before.map(() => emitter.register());
      const source = `${fresh.map((part) => parts[part]!.name).join(' + ')} (bootstrap)`;
      emitter.push({ op: 'bootstrap', source, level: machine.bootstrapInputLevel, inputs: before, outputs });
      let taken = 0;
      for (const part of fresh) {
        const operands = registers.get(part)!;
        const results = outputs.slice(taken, taken + operands.length);
        check?.add(parts[part]!, operands, results);
        registers.set(part, results);
        taken += operands.length;
      }
    }
    const operands = group.operands.map(({ part }) => registers.get(part)!);
    const results = group.emit(emitter, levels[g]!, operands);
    for (const [k, part] of group.results.entries()) registers.set(part, results[k]!);
  }
  const { factor, limit, period } = output;
  const outputs = output.reads.map(
    (read): ProgramOutput => ({
      name: 'logits',
      register: registers.get(output.part)![read.ciphertext]!,
      ...{ slots: read.slots, factor, limit, period },
    }),
  );
  const watched = sentinel?.part === undefined ? undefined : registers.get(sentinel.part)![0]!;
  const register = check?.finish(watched);
  if (sentinel && register !== undefined)
    outputs.push({ name: 'sentinel', register, slots: sentinel.slots, factor: 1, limit: sentinel.limit });
  return emitter.program({ slots, inputs: programInputs, outputs });
}

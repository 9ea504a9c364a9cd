import { type MachineModel, secondsOn } from '../plan/machine.ts';
import type { EncryptedProgram, ProgramOutput, Register } from '../program/instructions.ts';
import { Emitter, type Lowered } from './groups.ts';
import type { Placement } from './placement.ts';

/** Writes the program of a placement: bootstraps where they were placed, every group at its level. */
export function emitProgram(
  { parts, groups, inputs, output, sentinel }: Lowered,
  { levels, refreshed, inputLevels }: Placement,
  machine: MachineModel,
  slots: number,
): EncryptedProgram {
  const emitter = new Emitter((instruction) => secondsOn(machine, instruction, slots));
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
        const count = registers.get(part)!.length;
        registers.set(part, outputs.slice(taken, taken + count));
        taken += count;
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
  if (sentinel) {
    const [register] = registers.get(sentinel.part)!;
    outputs.push({
      name: 'sentinel',
      register: register!,
      ...{ slots: sentinel.slots, factor: 1, limit: sentinel.limit },
    });
  }
  return emitter.program({ slots, inputs: programInputs, outputs });
}

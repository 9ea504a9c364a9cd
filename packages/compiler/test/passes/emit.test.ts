// Programs written from placements: every group reads what its operands are at that moment, refreshed or not.
import { describe, expect, it } from 'vitest';
import { resultsOf } from '../../../runtime/src/program/levels.ts';
import { emitProgram } from '../../src/passes/emit.ts';
import type { Group, Lowered } from '../../src/passes/groups.ts';
import type { Placement } from '../../src/passes/placement.ts';
import { defaultMachine } from '../../src/plan/machine.ts';

const source = Int32Array.of(0, 1);

/** Inputs a, b and c of two, three and one ciphertexts; groups that note the registers they are given, and add nothing. */
function emitted(refreshed: Placement['refreshed']) {
  const counts = [2, 3, 1];
  const tensors = counts.map((ciphertexts, i) => ({ name: 'abc'[i]!, ciphertexts, refreshable: true }));
  const inputs = tensors.map(({ name, ciphertexts }, tensor) => ({ tensor, name, factor: 1, sources: Array.from({ length: ciphertexts }, () => source) })); // biome-ignore format: one list
  const given: (readonly (readonly number[])[])[] = [];
  const groups = refreshed.map(
    (_, g): Group => ({
      source: `group ${g}`,
      operands: [2, 1, 0].map((tensor) => ({ tensor, above: 0 })),
      results: [],
      emit(_, level, registers) {
        expect(level).toBe(10 - g);
        given.push(registers);
        return [];
      },
    }),
  );
  const reads = [0, 1, 2].map((ciphertext) => ({ ciphertext, slots: Int32Array.of(ciphertext) }));
  const lowered: Lowered = { tensors, groups, inputs, output: { tensor: 1, reads, factor: 3, limit: 7, period: 2 } };
  const levels = refreshed.map((_, g) => 10 - g);
  const inputLevels = new Map([0, 1, 2].map((tensor) => [tensor, 4 + tensor]));
  return { program: emitProgram(lowered, { levels, refreshed, inputLevels, seconds: 0 }, defaultMachine(), 2), given };
}

describe('emitted programs', () => {
  it('give inputs their levels, one register a ciphertext, in order', () => {
    const { program } = emitted([[]]);
    expect(program.inputs.map(({ name, register, level }) => [name, register, level])).toEqual([
      ...[0, 1].map((register) => ['a', register, 4]),
      ...[2, 3, 4].map((register) => ['b', register, 5]),
      ['c', 5, 6],
    ]);
  });

  it('read each ciphertext of tensors refreshed together in its own place, before and after, and once more after another', () => {
    const { program, given } = emitted([[], [1, 0], [0, 2]]);
    const bootstraps = program.instructions.filter(({ op }) => op === 'bootstrap');
    expect(bootstraps.map(({ source }) => source)).toEqual(['b + a (bootstrap)', 'a + c (bootstrap)']);
    for (const { level } of bootstraps) expect(level).toBe(defaultMachine().bootstrapInputLevel);
    // From each register back to the input that it holds, and how often it was refreshed on the way.
    const origin = new Map(program.inputs.map(({ register }) => [register, { input: register, times: 0 }]));
    for (const instruction of program.instructions)
      if (instruction.op === 'bootstrap')
        for (const [k, register] of resultsOf(instruction).entries()) {
          const { input, times } = origin.get(instruction.inputs[k]!)!;
          origin.set(register, { input, times: times + 1 });
        }
    const at = (group: number) => given[group]!.map((registers) => registers.map((register) => origin.get(register)!));
    const wanted = (times: { a: number; b: number; c: number }) => [
      [{ input: 5, times: times.c }],
      [2, 3, 4].map((input) => ({ input, times: times.b })),
      [0, 1].map((input) => ({ input, times: times.a })),
    ];
    expect(at(0)).toEqual(wanted({ a: 0, b: 0, c: 0 }));
    expect(at(1)).toEqual(wanted({ a: 1, b: 1, c: 0 }));
    expect(at(2)).toEqual(wanted({ a: 2, b: 1, c: 1 }));
    expect(program.outputs.map(({ register }) => origin.get(register)!.input)).toEqual([2, 3, 4]);
    expect(program.outputs.map(({ name, factor, limit, period }) => [name, factor, limit, period])).toEqual(
      [0, 1, 2].map(() => ['logits', 3, 7, 2]),
    );
  });
});

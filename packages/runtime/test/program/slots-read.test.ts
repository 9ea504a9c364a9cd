// Which slots of what is refreshed matter: whatever stands in the others, the outputs are the same.
import { describe, expect, it } from 'vitest';
import { compile } from '../../../compiler/src/passes/compile.ts';
import { randomInputs, type TransformerShape, transformer } from '../../../compiler/test/passes/graphs.ts';
import { executeClear, interpret, runClear } from '../../src/backends/clear.ts';
import type { EncryptedProgram } from '../../src/program/instructions.ts';
import { slotsRead } from '../../src/program/slots-read.ts';
import { packInputs } from '../../src/program/values.ts';
import { programOf, slots } from '../backends/support.ts';

const shape: TransformerShape = {
  tokens: 5,
  features: 6,
  width: 8,
  heads: 2,
  headWidth: 4,
  hidden: 16,
  layers: 2,
  outputs: 3,
  pooling: 'mean',
};
const shapes: [string, Partial<TransformerShape>][] = [
  ['five tokens', {}],
  ['causal, last token', { tokens: 7, causal: true, byPosition: true, pooling: 'last' }],
  ['padding known to the client alone', { tokens: 6, masked: true }],
  ['three heads of five features', { heads: 3, headWidth: 5, width: 15 }],
];

/** Outputs where every refreshed slot that `changed` tells is replaced. */
function outputsWith(
  program: EncryptedProgram,
  inputs: readonly Float64Array[],
  changed: (matters: boolean) => boolean,
): number[] {
  const read = slotsRead(program);
  const masks = program.masks.map((mask) => mask.values());
  const { outputs } = interpret(program, inputs, (instruction, values) => {
    const results = executeClear(instruction, values, masks);
    if (instruction.op !== 'bootstrap') return results;
    const matters = read.get(program.instructions.indexOf(instruction))!;
    return results.map((result, i) => result.map((value, s) => (changed(matters[i]![s] === 1) ? -0.5 : value)));
  });
  return outputs.flatMap((output) => [...output]);
}

describe('slots that outputs depend on', () => {
  it.each(shapes)('%s: the others may hold anything, and some are', (_, change) => {
    const inputs = randomInputs({ ...shape, ...change }, 7);
    const graph = transformer({ ...shape, ...change }, 3).calibrated([
      inputs,
      randomInputs({ ...shape, ...change }, 8),
    ]);
    const { program } = compile(graph, { slots: 2 ** 9 });
    const packed = packInputs(program, inputs);
    const expected = outputsWith(program, packed, () => false);
    expect(outputsWith(program, packed, (matters) => !matters)).toEqual(expected);
    expect(outputsWith(program, packed, (matters) => matters)).not.toEqual(expected);
    const counts = [...slotsRead(program).values()].flat().map((read) => read.reduce((sum, one) => sum + one, 0));
    expect(Math.max(...counts)).toBeGreaterThan(0);
    expect(Math.min(...counts)).toBeLessThan(program.slots);
  });

  it('a value out of range is reported where an output reads it, and nowhere else', () => {
    const first = Float64Array.from({ length: slots }, (_, s) => (s === 0 ? 1 : 0));
    const program = {
      ...programOf(
        [1],
        [
          { op: 'bootstrap', source: 'refresh', level: 0, inputs: [0], outputs: [1] },
          {
            op: 'linear',
            source: 'map',
            level: 2,
            inputs: [1],
            outputs: [2],
            matrix: { rotations: () => [3], diagonal: () => first },
            babySteps: [0, 3],
            giantSteps: [0],
          },
        ],
        [2],
      ),
    };
    const values = (slot: number, value = 7) =>
      Float64Array.from({ length: slots }, (_, s) => (s === slot ? value : 0.5));
    expect(runClear(program, [values(3)]).outOfRangeOperands).toEqual([{ source: 'refresh', register: 0, largest: 7 }]);
    expect(runClear(program, [values(3, Number.NaN)]).outOfRangeOperands).toHaveLength(1);
    for (const slot of [0, 2, 4, slots - 1]) expect(runClear(program, [values(slot)]).outOfRangeOperands).toEqual([]);
  });
});

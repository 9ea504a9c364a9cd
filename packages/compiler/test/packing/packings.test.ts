// Every way to compute a linear map against the matrix applied to real slots: packed inputs, complex diagonals and the
// parts taken of their sums, in complex numbers.
import { describe, expect, it } from 'vitest';
import { rotated } from '../../../runtime/src/backends/clear.ts';
import type { SlotMatrix } from '../../../runtime/src/program/instructions.ts';
import { PackedTransform } from '../../../runtime/src/program/packed-transform.ts';
import { randomMatrix, randomVector, slots } from '../../../runtime/test/backends/support.ts';
import { blockWays, type Way, waysOf } from '../../src/packing/packings.ts';

const unit = 4;
const turns = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => (unit * (from + i) + slots) % slots);
const registers = (length: number) => Array.from({ length }, (_, i) => i);

/** outputs[o] = sum of diagonal * rotate(input). */
function applied(matrix: SlotMatrix, inputs: readonly Float64Array[], outputs: number): Float64Array[] {
  return registers(outputs).map((o) => {
    const sum = new Float64Array(slots);
    for (const [i, input] of inputs.entries())
      for (const rotation of matrix.rotations(o, i)) {
        const diagonal = matrix.diagonal(o, i, rotation);
        for (let s = 0; s < slots; s++) sum[s]! += diagonal[s]! * input[(s + rotation) % slots]!;
      }
    return sum;
  });
}

/** The same as a packing says, with what it multiplies: diagonals and products by the conjugation. */
function packed(matrix: SlotMatrix, inputs: readonly Float64Array[], outputs: number, { packing }: Way) {
  const shape = { inputs: registers(inputs.length), outputs: registers(outputs), matrix };
  const transform = new PackedTransform({ ...shape, ...(packing && { packing }) }, slots);
  const operands = transform.inputs.map(({ real, imaginary }) => ({
    re: inputs[real]!,
    im: imaginary ? rotated(inputs[imaginary.input]!, imaginary.turn) : new Float64Array(slots),
  }));
  const results = new Array<Float64Array>(outputs);
  let diagonals = 0;
  for (const [k, { real, imaginary }] of transform.outputs.entries()) {
    const re = new Float64Array(slots);
    const im = new Float64Array(slots);
    for (const [j, operand] of operands.entries())
      for (const rotation of transform.rotations(k, j)) {
        diagonals++;
        const c = transform.diagonal(k, j, rotation);
        const d = transform.imaginary(k, j, rotation) ?? new Float64Array(slots);
        for (let s = 0; s < slots; s++) {
          const [x, y] = [operand.re[(s + rotation) % slots]!, operand.im[(s + rotation) % slots]!];
          re[s]! += c[s]! * x - d[s]! * y;
          im[s]! += c[s]! * y + d[s]! * x;
        }
      }
    results[real] = re;
    if (imaginary !== undefined) results[imaginary] = im;
    if (!transform.takesParts(k)) for (const value of im) expect(value).toBe(0);
  }
  return { results, diagonals };
}

/** The diagonals of every way; all ways give what the matrix gives. */
function compared(matrix: SlotMatrix, inputs: number, outputs: number, ways: readonly Way[]): number[] {
  const values = registers(inputs).map((i) => randomVector(50 + i));
  const expected = applied(matrix, values, outputs);
  return ways.map((way) => {
    const { results, diagonals } = packed(matrix, values, outputs, way);
    for (const [o, result] of results.entries())
      for (const [s, value] of result.entries()) expect(value).toBeCloseTo(expected[o]![s]!, 10);
    return diagonals;
  });
}

describe('ways to compute a linear map', () => {
  const cases: Record<string, [number, number, SlotMatrix['rotations'], readonly number[]]> = {
    'one to one': [1, 1, () => turns(0, 16), [16, 8]],
    'one to three': [1, 3, () => turns(0, 16), [48, 32, 24]],
    'three to one': [3, 1, () => turns(0, 16), [48, 32, 24]],
    'two to four, turns of both signs': [2, 4, () => turns(-7, 8), [120, 60, 60, 64]],
    'of different numbers of diagonals': [1, 2, (o) => turns(0, o === 0 ? 4 : 16), [20, 16, 10]],
    'of diagonals that few have in common': [2, 2, (o, i) => [[0], [4, 12], [], [8]][2 * o + i]!, [4, 4, 4, 3]],
    'of one diagonal': [1, 1, () => [8], [1]],
  };
  it.each(Object.keys(cases))('%s', (name) => {
    const [inputs, outputs, rotations, diagonals] = cases[name]!;
    const matrix = randomMatrix(rotations);
    const ways = waysOf(matrix, { inputs, outputs }, unit, slots);
    expect(
      compared(
        matrix,
        inputs,
        outputs,
        ways.filter(({ dividesBabies }) => !dividesBabies),
      ),
    ).toEqual(diagonals);
    expect(
      compared(
        matrix,
        inputs,
        outputs,
        ways.filter(({ dividesBabies }) => dividesBabies),
      ),
    ).toEqual(diagonals);
  });

  it.each([2, 3])('%i equal blocks', (blocks) => {
    const block = randomMatrix(() => turns(-3, 5));
    const matrix: SlotMatrix = {
      rotations: (o, i) => (o === i ? block.rotations(0, 0) : []),
      diagonal: (_, __, rotation) => block.diagonal(0, 0, rotation),
    };
    const ways = blockWays(matrix, blocks, unit, slots);
    const [alone, paired] = [8 * blocks, 8 * Math.ceil(blocks / 2)];
    expect(compared(matrix, blocks, blocks, ways)).toEqual([alone, alone, paired, paired]);
  });

  it('do not divide baby rotations for diagonals that repeat often', () => {
    const matrix = { ...randomMatrix(() => turns(0, 16)), period: slots / 16 };
    const ways = waysOf(matrix, { inputs: 1, outputs: 1 }, unit, slots);
    expect(ways.map(({ dividesBabies }) => dividesBabies ?? false)).toEqual([false, false]);
  });
});

import { describe, expect, it } from 'vitest';
import { rotated } from '../../../runtime/src/backends/clear.ts';
import type { SlotMatrix } from '../../../runtime/src/program/instructions.ts';
import { diagonalAndSum } from '../../src/packing/diagonal-and-sum.ts';
import { geometryOf } from '../../src/packing/geometry.ts';
import { headLayout, headRows, ordinaryLayout, type RowLayout } from '../../src/packing/layout.ts';
import { RowMatrix } from '../../src/packing/row-matrix.ts';
import { keyRange, SkewMatrix, valueRange } from '../../src/packing/skew.ts';
import { babyGiantSteps } from '../../src/packing/steps.ts';
import { Numbers } from '../passes/graphs.ts';

/** A matrix applied by its diagonals, as an engine would. */
function apply(matrix: SlotMatrix, inputs: readonly Float64Array[], output: number): Float64Array {
  const sum = new Float64Array(inputs[0]!.length);
  for (const [i, input] of inputs.entries())
    for (const rotation of matrix.rotations(output, i)) {
      const turned = rotated(input, rotation);
      const diagonal = matrix.diagonal(output, i, rotation);
      for (let s = 0; s < sum.length; s++) sum[s]! += diagonal[s]! * turned[s]!;
    }
  return sum;
}

describe('row matrices', () => {
  const geometry = geometryOf(2 ** 8, 5, 2);
  const numbers = new Numbers(3);

  /** A matrix [batch, tokens, features] in a layout, with noise at padding: maps must not read it. */
  const packed = (layout: RowLayout, at: (example: number, token: number, feature: number) => number) =>
    layout.blocks.map((block) =>
      Float64Array.from({ length: geometry.slots }, (_, slot) => {
        const feature = block[Math.floor(slot / geometry.rowLength) % layout.period]!;
        const token = slot % geometry.paddedTokens;
        const example = Math.floor(slot / geometry.paddedTokens) % geometry.batch;
        return feature < 0 || token >= geometry.tokens ? 7 : at(example, token, feature);
      }),
    );

  for (const [inputs, outputs] of [
    [6, 7],
    [3, 13],
    [16, 3],
    [40, 5],
    [5, 40],
    [33, 35],
  ] as const)
    it(`${inputs} features to ${outputs}: every output in all its rows, zero elsewhere, with as few diagonals as the lesser period`, () => {
      const from = ordinaryLayout(inputs, geometry);
      const to = ordinaryLayout(outputs, geometry);
      const weight = numbers.matrix(outputs, inputs);
      const x = numbers.vector(2 * 5 * inputs);
      const tokenWeights = Float64Array.from({ length: geometry.paddedTokens }, (_, t) => (t < 5 ? 1 : 0));
      const matrix = new RowMatrix(geometry, from, [{ weight, scale: 2, output: to, tokenWeights }]);
      const slots = packed(from, (b, t, f) => x[(b * 5 + t) * inputs + f]!);
      const expected = packed(to, (b, t, f) => {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += weight.values[f * inputs + i]! * x[(b * 5 + t) * inputs + i]!;
        return 2 * sum;
      });
      for (const [o, wanted] of expected.entries()) {
        for (const i of from.blocks.keys())
          expect(matrix.rotations(o, i).length).toBeLessThanOrEqual(Math.min(from.period, to.period));
        let got = apply(matrix, slots, o);
        for (const step of matrix.gatherSteps(o)) {
          const turned = rotated(got, step);
          got = got.map((value, s) => value + turned[s]!);
        }
        for (const [s, value] of got.entries()) expect(value).toBeCloseTo(wanted[s] === 7 ? 0 : wanted[s]!, 9);
      }
    });

  it('skips diagonals that are zero', () => {
    const layout = ordinaryLayout(8, geometry);
    const values = Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    const tokenWeights = new Float64Array(geometry.paddedTokens).fill(1);
    const identity = { weight: { rows: 8, columns: 8, values }, scale: 1, output: layout, tokenWeights };
    expect(new RowMatrix(geometry, layout, [identity]).rotations(0, 0)).toEqual([0]);
  });
});

describe('a matrix as a diagonal and a sum', () => {
  const matrix = (change: (row: number, column: number) => number, rows = 5, columns = 5) => ({
    rows,
    columns,
    values: Float32Array.from({ length: rows * columns }, (_, i) => change(Math.floor(i / columns), i % columns)),
  });

  it('is found whatever the rows hold, up to float32 roundings', () => {
    const found = diagonalAndSum(matrix((r, c) => (r + 1) * ((r === c ? 2 : 0) - 0.1) * (1 + 1e-7 * c)));
    expect(found).toBeDefined();
    for (let r = 0; r < 5; r++) {
      expect(found!.diagonal[r]).toBeCloseTo(2 * (r + 1), 5);
      expect(found!.sum[r]).toBeCloseTo(-0.1 * (r + 1), 5);
    }
  });

  it('is not found in other matrices, nor in a mere diagonal', () => {
    expect(
      diagonalAndSum(matrix((r, c) => (r === c ? 2 : 0) - 0.1 * (r === 4 && c === 3 ? 1.001 : 1))),
    ).toBeUndefined();
    expect(diagonalAndSum(matrix((r, c) => (r === 0 && c === 1 ? 0.2 : -0.1)))).toBeUndefined();
    expect(diagonalAndSum(matrix((r, c) => (r === c ? r : 0)))).toBeUndefined();
    expect(diagonalAndSum(matrix(() => 1, 4, 5))).toBeUndefined();
  });
});

describe('skewed heads', () => {
  for (const [tokens, heads, width, batch] of [
    [8, 2, 4, 1],
    [5, 3, 4, 1],
    [5, 2, 8, 2],
    [4, 1, 8, 2],
  ] as const)
    for (const stages of [1, 2] as const)
      it(`${tokens} tokens, ${heads} heads of ${width}, batch ${batch}, ${stages} matrices: column c is turned by c tokens`, () => {
        const geometry = geometryOf(2 ** 9, tokens, batch);
        const layout = headLayout(heads, width, geometry);
        const rows = headRows(layout);
        const { paddedTokens, rowLength, slots } = geometry;
        const value = (row: number, example: number, token: number) => 100 * row + 10 * example + token + 1;
        const x = Float64Array.from({ length: slots }, (_, slot) => {
          const row = Math.floor(slot / rowLength) % rows.period;
          return value(row, Math.floor(slot / paddedTokens) % batch, slot % paddedTokens);
        });
        for (const range of [keyRange(geometry, layout), valueRange(geometry, layout)]) {
          const matrices = SkewMatrix.stages(geometry, layout, range, stages);
          const got = matrices.reduce<Float64Array>((at, matrix) => apply(matrix, [at], 0), x);
          for (let segment = 0; segment < slots / paddedTokens; segment++) {
            const row = Math.floor(segment / batch);
            const column = Math.floor(row / layout.headsPerBlock);
            for (let u = range.from; u < range.to; u++) {
              const token = (u + column + paddedTokens) % paddedTokens;
              const slot = (segment * paddedTokens + u + slots) % slots;
              expect(got[slot]).toBe(token < tokens ? value(row % rows.period, segment % batch, token) : 0);
            }
          }
        }
      });

  it('two matrices have far fewer diagonals', () => {
    const geometry = geometryOf(2 ** 15, 128);
    const layout = headLayout(2, 64, geometry);
    const count = (stages: 1 | 2) =>
      SkewMatrix.stages(geometry, layout, { from: 0, to: 128 }, stages).reduce(
        (sum, m) => sum + m.rotations(0, 0).length,
        0,
      );
    expect([count(1), count(2)]).toEqual([255, 46]);
  });
});

describe('baby and giant steps', () => {
  it('reach every turn, with fewer key switches than one for each', () => {
    const turns = Array.from({ length: 200 }, (_, i) => 3 * i - 250);
    const shape = { inputs: 1, outputs: 1, diagonals: 200, dividesBabies: false };
    const { babySteps, giantSteps } = babyGiantSteps(turns, 2, 2 ** 11, shape);
    const reached = new Set(giantSteps.flatMap((giant) => babySteps.map((baby) => (giant + baby) % 2 ** 11)));
    for (const turn of turns) expect(reached.has((((2 * turn) % 2 ** 11) + 2 ** 11) % 2 ** 11)).toBe(true);
    expect(babySteps.length + giantSteps.length).toBeLessThan(100);
  });
});

import { describe, expect, it } from 'vitest';
import { Program } from '../../src/onnx/program.ts';
import { Session } from '../../src/onnx/session.ts';
import { Random } from '../../src/random.ts';
import { groupParameters } from '../../src/train/groups.ts';
import { newtonSchulz } from '../../src/train/muon.ts';
import type { ModelConfig } from '../../src/transformer/config.ts';
import { gptConfig } from '../../src/transformer/presets.ts';
import { parameterSpecs } from '../../src/transformer/weights.ts';
import { create, images, optimiser, vit } from './support.ts';

const muon = { optimiser: { ...optimiser, clipNorm: 0.5, muon: { momentum: 0.9 } } };

type Matrix = readonly (readonly number[])[];
const times = (x: Matrix, y: Matrix): number[][] =>
  x.map((row) => y[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * y[k]![j]!, 0)));
const transposed = (x: Matrix): number[][] => x[0]!.map((_, j) => x.map((row) => row[j]!));
const rowsOf = (data: ArrayLike<number>, rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => data[i * columns + j]!));

/** The same iteration in double precision, on one matrix of any shape. */
function reference(matrix: Matrix): number[][] {
  if (matrix.length > matrix[0]!.length) return transposed(reference(transposed(matrix)));
  const norm = Math.hypot(...matrix.flat());
  let x = matrix.map((row) => row.map((value) => value / norm));
  for (let i = 0; i < 5; i++) {
    const gram = times(x, transposed(x));
    const square = times(gram, gram);
    const powers = gram.map((row, r) => row.map((value, c) => -4.775 * value + 2.0315 * square[r]![c]!));
    const product = times(powers, x);
    x = x.map((row, r) => row.map((value, c) => 3.4445 * value + product[r]![c]!));
  }
  return x;
}

describe('Muon', () => {
  it('makes singular values alike whatever they were, matrices of a batch apart', async () => {
    const random = new Random(1);
    // Rows of very different sizes: singular values from 1 to 1/100 before.
    const values = Float32Array.from(
      { length: 2 * 6 * 10 },
      (_, i) => random.normal() * 0.4 ** (Math.floor(i / 10) % 6),
    );
    const program = new Program();
    const input = program.input('x', [2, 6, 10]);
    const session = await Session.compile(program, { y: newtonSchulz(input) });
    const { y } = await session.evaluate({ x: values });
    await session.close();
    for (const matrix of [0, 1]) {
      const before = rowsOf(values.subarray(matrix * 60), 6, 10);
      const after = rowsOf((y as Float32Array).subarray(matrix * 60), 6, 10);
      const gram = times(after, transposed(after));
      gram.forEach((row, i) => {
        row.forEach((value, j) => {
          if (i === j) expect(Math.abs(value - 0.9)).toBeLessThan(0.5);
          else expect(Math.abs(value)).toBeLessThan(0.4);
        });
      });
      const beforeGram = times(before, transposed(before));
      expect(
        Math.max(...beforeGram.map((row, i) => row[i]!)) / Math.min(...beforeGram.map((row, i) => row[i]!)),
      ).toBeGreaterThan(50);
      const expected = reference(before).flat();
      after.flat().forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4);
      });
    }
  });

  it('is for the matrices of layers; gains, tables, embeddings and the head are left to AdamW', () => {
    const rule = { weightDecay: 0.1, muon: true };
    const gpt = gptConfig({ vocabulary: 11, maxTokens: 6, width: 8, layers: 1, heads: 2, mlpWidth: 16, tied: false });
    const tables: ModelConfig = {
      ...gpt,
      attention: { ...gpt.attention, kind: 'pointwise', affine: true, distanceOffsets: true, distanceWeights: true },
    };
    const groups = groupParameters(parameterSpecs(tables), rule);
    const named = (update: string) =>
      groups.filter((group) => group.update === update).flatMap(({ specs }) => specs.map(({ name }) => name));
    expect(named('muon').sort()).toEqual([
      'layers.0.attention.out.weight',
      'layers.0.attention.qkv.weight',
      'layers.0.mlp.down.weight',
      'layers.0.mlp.up.weight',
    ]);
    expect(named('adamw')).toEqual(
      expect.arrayContaining([
        'layers.0.attention.map.distance_weight',
        'layers.0.attention.map.weight',
        'head.weight',
      ]),
    );
    expect(
      groupParameters(parameterSpecs(tables), { weightDecay: 0.1 }).every(({ update }) => update === 'adamw'),
    ).toBe(true);
  });

  it('moves queries, keys and values each by their own matrix, computed apart in double precision', async () => {
    const step = await create(vit, 8, muon);
    const before = step.weights();
    await step.run(images(2), 0.02);
    const first = step.weights();
    const group = groupParameters(parameterSpecs(vit), { weightDecay: 0.1, muon: true }).find(
      ({ update }) => update === 'muon',
    )!;
    // After one step from 0 the moment is (1 - momentum) times the clipped gradient; what is ahead is a multiple of it.
    const moment = step.snapshot().get(`${group.name}.moment1`)!.data;
    let offset = 0;
    for (const { name, shape } of group.specs) {
      const [rows, columns] = shape as [number, number];
      const blocks = name.endsWith('qkv.weight') ? [8, 8, 8] : [rows];
      let row = 0;
      for (const count of blocks) {
        const gradient = rowsOf(moment.subarray(offset, offset + count * columns), count, columns);
        const direction = reference(gradient).flat();
        const size = 0.2 * Math.sqrt(Math.max(count, columns));
        const at = (weights: typeof before) => weights.get(name)!.data.subarray(row * columns, (row + count) * columns);
        const old = at(before);
        at(first).forEach((value, i) => {
          expect(value).toBeCloseTo(old[i]! - 0.02 * 0.1 * old[i]! - 0.02 * size * direction[i]!, 5);
        });
        offset += count * columns;
        row += count;
      }
    }
    await step.close();
  });

  it('learns a fixed batch by heart and resumes bit for bit', async () => {
    const straight = await create(vit, 8, muon);
    const firstLoss = (await straight.run(images(1), 0.01)).loss;
    const halfway = straight.snapshot();
    let last = firstLoss;
    for (let i = 0; i < 60; i++) last = (await straight.run(images(1), 0.01)).loss;
    expect(last).toBeLessThan(0.1 * firstLoss);
    expect([...halfway.keys()].filter((name) => name.endsWith('moment2'))).toHaveLength(2);

    const resumed = await create(vit, 8, muon);
    resumed.restore(halfway, 1);
    for (let i = 0; i < 60; i++) await resumed.run(images(1), 0.01);
    expect([...resumed.weights()].map(([name, { data }]) => [name, [...data]])).toEqual(
      [...straight.weights()].map(([name, { data }]) => [name, [...data]]),
    );
    await straight.close();
    await resumed.close();
  });
});

// Streamed linear transforms against the matrix applied to the values, for every way of splitting the work, on a small
// insecure ring. Errors stay below 2^-24: diagonals of size 1 at scale 2^40, sums of a dozen.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { applyStreamed, type StreamedMatrix, StreamedTransformPlan } from '../../../src/circuits/index.ts';
import { KeyError, OperandError } from '../../../src/errors/index.ts';
import { fixRandomness, Laboratory, randomSlots, uniform } from '../../scheme/support.ts';

const slots = 2 ** 10;
const level = 4;
const steps = [0, 1, 2, 3];
const giantSteps = [0, 4, 512];
const rotations = [0, 1, 3, 5, 6, 512, 515];

let lab: Laboratory;
beforeAll(async () => {
  fixRandomness('streamed transforms');
  lab = await Laboratory.create();
  lab.keys.addRelinearisation(lab.generator.relinearisation(level));
  for (const step of [1, 2, 3, 4, 512]) lab.keys.addGalois(lab.generator.rotation(step, level));
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

function matrixOf(period: number, rotationsOf: StreamedMatrix['rotations']): StreamedMatrix {
  return {
    rotations: rotationsOf,
    diagonal(output, input, rotation) {
      const next = uniform(1 + rotation + 31 * output + 977 * input);
      const values = Float64Array.from({ length: period }, next);
      return Float64Array.from({ length: slots }, (_, s) => values[s % period]!);
    },
    period,
  };
}

function applyClear(matrix: StreamedMatrix, inputs: readonly Float64Array[], output: number): Float64Array {
  const sum = new Float64Array(slots);
  for (const [input, values] of inputs.entries())
    for (const rotation of matrix.rotations(output, input)) {
      const diagonal = matrix.diagonal(output, input, rotation);
      for (let s = 0; s < slots; s++) sum[s]! += diagonal[s]! * values[(s + rotation) % slots]!;
    }
  return sum;
}

const options = { level, outputs: 2, babySteps: steps, giantSteps } as const;

const ways = [slots, 256, 32, 4].flatMap((period) => [false, true].map((dividesBabies) => ({ period, dividesBabies })));

describe.each(ways)('diagonals that repeat after $period slots, babies divided: $dividesBabies', (way) => {
  const { period, dividesBabies } = way;
  it.each([1, 2 ** 18, 2 ** 30])('with %i bytes for them: the matrix times the values', (diagonalBytes) => {
    const matrix = matrixOf(period, (o, i) => (o === 1 && i === 1 ? [6] : rotations));
    const values = [1, 2].map((seed) => randomSlots(slots, seed).real);
    // One input from above, at a scale of its own.
    using a = lab.encrypt(
      { real: values[0]!, imag: new Float64Array(slots) },
      { level: level + 1, scale: 2 ** 40 + 2 ** 30 },
    );
    using b = lab.encrypt({ real: values[1]!, imag: new Float64Array(slots) }, { level });
    const before = lab.context.kernels.memory().slabs;
    const scale = 2 ** 40 - 2 ** 20;
    const results = applyStreamed(lab.evaluator, [a, b], matrix, { ...options, scale, diagonalBytes, dividesBabies });
    expect(lab.context.kernels.memory().slabs - before).toBe(2);
    for (const [o, result] of results.entries()) {
      expect([result.level, result.scale]).toEqual([level - 1, scale]);
      const expected = applyClear(matrix, values, o);
      const found = lab.open(result).real;
      expect(Math.max(...found.map((value, s) => Math.abs(value - expected[s]!)))).toBeLessThan(2 ** -24);
    }
  });
});

describe.each([false, true])('with a middle step, babies divided: %s', (dividesBabies) => {
  const wide = [0, 1, 2, 3, 4, 5, 6, 7];
  const far = { level, outputs: 2, babySteps: wide, giantSteps: [0, 512], dividesBabies } as const;
  const matrix = matrixOf(slots, (o, i) => (o === 1 && i === 1 ? [517] : [...wide, 513, 519]));

  it('half of the keys give the matrix times the values', () => {
    const values = [1, 2].map((seed) => randomSlots(slots, seed).real);
    using a = lab.encrypt({ real: values[0]!, imag: new Float64Array(slots) }, { level: level + 1 });
    using b = lab.encrypt({ real: values[1]!, imag: new Float64Array(slots) }, { level });
    const before = lab.context.kernels.memory().slabs;
    const scale = 2 ** 40;
    expect(() => applyStreamed(lab.evaluator, [a, b], matrix, { ...far, scale })).toThrow(KeyError);
    expect(lab.context.kernels.memory().slabs).toBe(before);
    // Keys by 1, 2, 3 and 4 alone; diagonals at once and in parts.
    for (const diagonalBytes of [2 ** 18, 2 ** 30]) {
      const results = applyStreamed(lab.evaluator, [a, b], matrix, { ...far, scale, diagonalBytes, fewKeys: true });
      for (const [o, result] of results.entries()) {
        using found = result;
        const expected = applyClear(matrix, values, o);
        const { real } = lab.open(found);
        expect(Math.max(...real.map((value, s) => Math.abs(value - expected[s]!)))).toBeLessThan(2 ** -24);
      }
    }
    expect(lab.context.kernels.memory().slabs).toBe(before);
  });
});

it('takes a middle step where it saves two keys, and for the inputs that need it', () => {
  const plan = (rotations: readonly (readonly number[])[], babySteps: readonly number[]) => {
    const options = { outputs: 1, babySteps, giantSteps: [0], fewKeys: true };
    return new StreamedTransformPlan(slots, rotations.length, { rotations: (_, i) => rotations[i]! }, options);
  };
  const eight = Array.from({ length: 8 }, (_, i) => 32 * i);
  const half = plan([eight, [32, 64]], eight);
  expect([half.middle, half.babySteps, half.rotations]).toEqual([128, [0, 32, 64, 96], [32, 64, 96, 128]]);
  expect([half.babyRotations, half.middleRotations]).toEqual([9, 1]);
  expect(half.keysOf(half.babiesOf[1]!)).toEqual([32, 64]);
  const four = plan([[0, 1, 2, 3]], [0, 1, 2, 3]);
  expect([four.middle, four.middleRotations, four.rotations]).toEqual([0, 0, [1, 2, 3]]);
  expect(plan([[1, 10, 100, 300, 700]], [1, 10, 100, 300, 700]).middle).toBe(0);
});

it('complex diagonals', () => {
  const real = matrixOf(64, () => rotations);
  const matrix: StreamedMatrix = {
    ...real,
    imaginary: (_, __, rotation) => (rotation === 1 ? undefined : real.diagonal(7, 7, rotation)),
  };
  const { real: x, imag: y } = randomSlots(slots, 5);
  using a = lab.encrypt({ real: x, imag: y }, { level });
  const [result] = applyStreamed(lab.evaluator, [a], matrix, { ...options, outputs: 1, scale: 2 ** 40 });
  const imaginary = {
    ...matrix,
    rotations: () => rotations.filter((r) => r !== 1),
    diagonal: matrix.imaginary!,
  } as StreamedMatrix;
  const found = lab.open(result!);
  const [cx, cy] = [applyClear(matrix, [x], 0), applyClear(matrix, [y], 0)];
  const [dx, dy] = [applyClear(imaginary, [x], 0), applyClear(imaginary, [y], 0)];
  for (let s = 0; s < slots; s++) {
    expect(Math.abs(found.real[s]! - (cx[s]! - dy[s]!))).toBeLessThan(2 ** -24);
    expect(Math.abs(found.imag[s]! - (cy[s]! + dx[s]!))).toBeLessThan(2 ** -24);
  }
  result![Symbol.dispose]();
});

it('with keys of other special primes than the level’s own', () => {
  const special = 1;
  const gadget = lab.parameters.gadgetWith(level, special)!;
  expect(lab.parameters.gadget(level).special).not.toBe(special);
  for (const step of [1, 2, 3, 4, 512]) {
    const { galois } = lab.generator.rotation(step, 0);
    lab.keys.addGalois(lab.generator.galois({ galois, level }, gadget));
  }
  const matrix = matrixOf(64, () => rotations);
  const values = randomSlots(slots, 3).real;
  using a = lab.encrypt({ real: values, imag: new Float64Array(slots) }, { level });
  const expected = applyClear(matrix, [values], 0);
  for (const dividesBabies of [false, true]) {
    const given = { ...options, outputs: 1, scale: 2 ** 40, special, dividesBabies };
    const [result] = applyStreamed(lab.evaluator, [a], matrix, given);
    const found = lab.open(result!).real;
    expect(Math.max(...found.map((value, s) => Math.abs(value - expected[s]!)))).toBeLessThan(2 ** -24);
  }
});

it.each([false, true])('refuses what does not fit, and leaks nothing, babies divided: %s', (dividesBabies) => {
  const matrix = matrixOf(64, () => rotations);
  using a = lab.encrypt(randomSlots(slots, 4), { level });
  using low = lab.encrypt(randomSlots(slots, 4), { level: level - 1 });
  using few = lab.encrypt(randomSlots(64, 4), { level, slots: 64 });
  const before = lab.context.kernels.memory().slabs;
  const given = { ...options, scale: 2 ** 40, dividesBabies };
  const ev = lab.evaluator;
  expect(() => applyStreamed(ev, [], matrix, given)).toThrow(OperandError);
  expect(() => applyStreamed(ev, [low], matrix, given)).toThrow(/level 3: bootstrap/);
  expect(() => applyStreamed(ev, [a, few], matrix, given)).toThrow(/equally many slots/);
  expect(() => applyStreamed(ev, [a], matrix, { ...given, giantSteps: [0] })).toThrow(/add up to the rotation 5/);
  expect(() =>
    applyStreamed(
      ev,
      [a],
      matrixOf(64, () => [7]),
      { ...given, babySteps: [7] },
    ),
  ).toThrow(KeyError);
  expect(() =>
    applyStreamed(
      ev,
      [a],
      matrixOf(64, (o) => (o === 0 ? [1] : [])),
      given,
    ),
  ).toThrow(/output 1 .* no diagonals/);
  const wrong = { ...matrix, diagonal: () => new Float64Array(3) };
  expect(() => applyStreamed(ev, [a], wrong, given)).toThrow(/3 entries/);
  expect(lab.context.kernels.memory().slabs).toBe(before);
});

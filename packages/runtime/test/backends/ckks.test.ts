// The CKKS back end against the clear one, every instruction of a program compared slot by slot on a small insecure ring.
//
// Tolerance: at N = 2^11 an operation's errors are about 2^-30 of a slot of size 1; 1e-6 leaves room for sums of many.
// After a bootstrap the sine's cubic error dominates, 2^-17.3 at most.
import type { Context } from '@cipherformer/ckks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCkks } from '../../src/backends/ckks.ts';
import { runClear } from '../../src/backends/clear.ts';
import { ProgramError } from '../../src/errors.ts';
import { checkProgram } from '../../src/program/check.ts';
import type { EncryptedProgram, Instruction, ProductTerm } from '../../src/program/instructions.ts';
import { CanonicalScales } from '../../src/program/scales.ts';
import { largestError, Machine, programOf, randomMatrix, randomVector, slots, uniform, vector } from './support.ts';

const exact = 1e-6;
const refreshed = 2 ** -15;

let context: Context;
beforeAll(async () => {
  context = await Machine.context();
});
afterAll(() => context[Symbol.dispose]());

/** Runs on both back ends; returns the largest error after each instruction. Levels and scales have to be exact. */
async function compare(program: EncryptedProgram): Promise<number[]> {
  using machine = new Machine(context, program);
  const { plan } = machine;
  const levels = checkProgram(program, {
    bootstrapInputLevel: plan.inputLevel,
    bootstrapOutputLevel: plan.outputLevel,
  });
  const scales = new CanonicalScales(context.parameters, plan.outputLevel);
  const values = program.inputs.map((_, i) => randomVector(1000 + i));
  const clear: Float64Array[][] = [];
  const { outputs } = runClear(program, values, { observe: (_, __, results) => clear.push([...results]) });
  const inputs = values.map((v, i) => machine.encrypt(v, program.inputs[i]!.level));
  const before = context.kernels.memory().slabs;
  const errors: number[] = [];
  using result = await runCkks(machine.server, machine.planned, inputs, {
    diagonalBytes: 2 ** 20,
    observe: (index, instruction, results) => {
      const names = 'outputs' in instruction ? instruction.outputs : [instruction.output];
      for (const [i, ciphertext] of results.entries()) {
        expect(ciphertext.level).toBe(levels.get(names[i]!));
        expect(Math.abs(ciphertext.scale / scales.at(ciphertext.level) - 1)).toBeLessThan(2 ** -40);
      }
      errors.push(
        Math.max(...results.map((ciphertext, i) => largestError(machine.decrypt(ciphertext), clear[index]![i]!))),
      );
    },
  });
  for (const [i, output] of result.outputs.entries())
    expect(largestError(machine.decrypt(output), outputs[i]!)).toBeLessThan(refreshed);
  expect(context.kernels.memory().slabs - before).toBe(result.outputs.length);
  for (const input of inputs) input[Symbol.dispose]();
  return errors;
}

const source = 'test';
const every = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('every instruction equals its clear meaning', () => {
  /** For each number the terms by it and so much more, one after the other. */
  const pairs = (count: number, by: readonly number[], term: (s: number) => ProductTerm) => every(count).flatMap((i) => by.map((more) => term(i + more))); // biome-ignore format: short
  const cases: Record<string, [readonly number[], readonly Instruction[], (readonly Float64Array[])?]> = {
    'linear, several inputs at several levels and outputs': [
      [15, 9, 6],
      [
        {
          op: 'linear', source, level: 6, inputs: [0, 1, 2], outputs: [3, 4],
          matrix: randomMatrix((o, i) => (i === 2 && o === 0 ? [5] : [0, 1, 3, 16, 17, slots - 1])),
          babySteps: [0, 1, 2, 3, 5, -1], giantSteps: [0, 16],
        },
      ],
    ],
    'linear without an unrotated part, in parts': [
      [5],
      [
        {
          op: 'linear', source, level: 5, inputs: [0], outputs: [1],
          matrix: randomMatrix(() => every(24).map((i) => 8 + i)), babySteps: every(8), giantSteps: [8, 16, 24],
        },
      ],
    ],
    'a linear map that repeats': [
      [4],
      [
        {
          op: 'linear', source, level: 4, inputs: [0], outputs: [1],
          matrix: { rotations: () => [0, 3], diagonal: (_, __, r) => Float64Array.from({ length: slots }, (_, s) => Math.cos((s % 16) + r)) },
          babySteps: [0, 3], giantSteps: [0],
        },
      ],
    ],
    'linear with outputs packed, an odd one alone': [
      [7],
      [
        {
          op: 'linear', source, level: 6, inputs: [0], outputs: [1, 2, 3], matrix: randomMatrix((o) => (o === 1 ? [2, 9] : [0, 1, 8])),
          babySteps: [0, 1, 2], giantSteps: [0, 8], packing: { inputs: [{ real: 0 }], outputs: [{ real: 0, imaginary: 1 }, { real: 2 }] },
        },
      ],
    ],
    'linear with inputs packed, of several levels, and an input with itself turned': [
      [9, 6, 7],
      [
        {
          op: 'linear', source, level: 6, inputs: [0, 1, 2], outputs: [3, 4], matrix: randomMatrix((o) => (o === 0 ? [0, 1, 8, 9] : [1, 8])),
          babySteps: [0, 1], giantSteps: [0, 8],
          packing: {
            inputs: [{ real: 1, imaginary: { input: 0, turn: 0 } }, { real: 2, imaginary: { input: 2, turn: 8 } }],
            outputs: [{ real: 0 }, { real: 1 }],
          },
        },
      ],
    ],
    'linear with inputs and outputs packed': [
      [5, 5],
      [
        {
          op: 'linear', source, level: 5, inputs: [0, 1], outputs: [2, 3],
          matrix: { rotations: (o, i) => (o === i ? [0, 3, slots - 1] : []), diagonal: (_, __, r) => randomVector(r, 0.3) },
          babySteps: [0, 3, -1], giantSteps: [0],
          packing: { inputs: [{ real: 0, imaginary: { input: 1, turn: 0 } }], outputs: [{ real: 0, imaginary: 1 }] },
        },
      ],
    ],
    'add, addVector and multiply across levels': [
      [15, 7],
      [
        { op: 'add', source, level: 7, left: 0, right: 1, output: 2 },
        { op: 'add', source, level: 5, left: 0, right: 1, output: 3 },
        { op: 'addVector', source, level: 6, input: 2, vector: vector(randomVector(5)), output: 4 },
        { op: 'multiply', source, level: 6, left: 4, right: 0, output: 5 },
        { op: 'multiply', source, level: 5, left: 5, right: 5, output: 6 },
        { op: 'multiply', source, level: 3, left: 0, right: 1, output: 7 },
        { op: 'multiply', source, level: 2, left: 0, right: 0, output: 8 },
      ],
    ],
    'rotateSum': [
      [8],
      [
        { op: 'rotateSum', source, level: 8, input: 0, steps: [1, 2, 4], output: 1 },
        { op: 'rotateSum', source, level: 3, input: 0, steps: [512, -8], output: 2 },
      ],
    ],
    'productSum without masks': [
      [9, 7],
      [
        {
          op: 'productSum', source, level: 7, left: 0, right: 1, output: 2,
          terms: every(20).map((i) => ({ left: [{ rotation: i }], right: [{ rotation: 3 * i }] })),
        },
        { op: 'productSum', source, level: 4, left: 2, right: 2, output: 3, terms: [{ left: [{ rotation: 0 }], right: [{ rotation: 1 }] }] },
        { op: 'productSum', source, level: 6, left: 2, right: 2, output: 4, terms: [{ left: [{ rotation: 0 }], right: [{ rotation: 1 }] }] },
      ],
    ],
    'productSum with masks on one side and on both': [
      [9, 8, 6],
      [
        {
          op: 'productSum', source, level: 7, left: 0, right: 1, output: 3,
          terms: every(11).map((i) => ({ left: [{ rotation: i }], right: [{ rotation: i, mask: 0 }, { rotation: 16 + i, mask: 1 }] })),
        },
        {
          op: 'productSum', source, level: 7, left: 1, right: 2, output: 4,
          terms: [{ left: [{ rotation: 1, mask: 1 }], right: [{ rotation: 0 }] }],
        },
        {
          op: 'productSum', source, level: 6, left: 0, right: 2, output: 5,
          terms: [{ left: [{ rotation: 1, mask: 1 }], right: [{ rotation: 0, mask: 0 }, { rotation: 4, mask: 1 }] }],
        },
      ],
      [randomVector(8), Float64Array.from({ length: slots }, (_, s) => s % 2)],
    ],
    'productSum packed: no masks and an odd term, masks on the left, on the right, on both': [
      [9, 8, 7],
      [
        {
          op: 'productSum', source, level: 7, left: 0, right: 2, output: 3, packing: { left: 80, right: 70 },
          terms: [...pairs(10, [0, 10], (s) => ({ left: [{ rotation: 8 * s }], right: [{ rotation: 7 * s }] })), { left: [{ rotation: 5 }], right: [{ rotation: 0 }] }],
        },
        {
          op: 'productSum', source, level: 7, left: 0, right: 1, output: 4, packing: { right: 30 },
          terms: pairs(9, [0, 10], (s) => ({ left: [{ rotation: s % 10, mask: s % 2 }], right: [{ rotation: 3 * s }] })),
        },
        {
          op: 'productSum', source, level: 7, left: 0, right: 1, output: 5, packing: { left: 48 },
          terms: [...pairs(6, [0, 6], (s) => ({ left: [{ rotation: 8 * s }], right: [{ rotation: s, mask: 0 }, { rotation: s - 16, mask: 1 }] })), { left: [{ rotation: 48 }], right: [{ rotation: 6, mask: 1 }] }],
        },
        {
          op: 'productSum', source, level: 6, left: 0, right: 1, output: 6, packing: {},
          terms: pairs(2, [0, 2], (s) => ({ left: [{ rotation: s, mask: 0 }], right: [{ rotation: 2 * s, mask: 1 }] })),
        },
        { op: 'productSum', source, level: 6, left: 2, right: 2, output: 7, packing: { left: 1, right: 2 }, terms: pairs(1, [0, 1], (s) => ({ left: [{ rotation: s }], right: [{ rotation: 2 * s }] })) },
      ],
      [randomVector(8), Float64Array.from({ length: slots }, (_, s) => s % 2)],
    ],
    'polynomial programs': [
      [15, 10],
      [
        { op: 'polynomial', source, level: 12, input: 0, steps: [{ op: 'polynomial', value: 0, coefficients: [0.1, 0.4, 0.2, 0, -0.3, 0.01, 0.2] }], output: 2 },
        {
          op: 'polynomial', source, level: 9, input: 1, output: 3,
          steps: [
            { op: 'polynomial', value: 0, coefficients: [0.3, 0.2, 0.1, 0.05] },
            { op: 'affine', terms: [{ value: 1, factor: 2 }, { value: 0, factor: -1 }], offset: 0.25 },
            { op: 'square', value: 2 },
            { op: 'product', left: 3, right: 0 },
            { op: 'affine', terms: [{ value: 4, factor: 0.3 }, { value: 1, factor: 3 }], offset: -0.1 },
          ],
        },
        { op: 'polynomial', source, level: 5, input: 1, steps: [{ op: 'affine', terms: [{ value: 0, factor: 1 }], offset: 0.5 }], output: 4 },
      ],
    ],
  }; // biome-ignore format: a table of cases

  it.each(Object.keys(cases))('%s', async (name) => {
    const [levels, instructions, masks] = cases[name]!;
    const outputs = instructions.flatMap((i) => ('outputs' in i ? i.outputs : [i.output]));
    const errors = await compare(programOf(levels, instructions, outputs, masks));
    expect(errors.length).toBe(instructions.length);
    for (const error of errors) expect(error).toBeLessThan(exact);
  });

  it('bootstraps one, two and three registers, at any level and scale', async () => {
    const program = programOf(
      [3, 9, 5],
      [
        { op: 'bootstrap', source, level: 3, inputs: [0], outputs: [3] },
        { op: 'bootstrap', source, level: 3, inputs: [1, 2, 0], outputs: [4, 5, 6] },
        { op: 'multiply', source, level: 15, left: 4, right: 5, output: 7 },
        { op: 'add', source, level: 3, left: 7, right: 3, output: 8 },
      ],
      [3, 4, 5, 6, 7, 8],
    );
    for (const error of await compare(program)) expect(error).toBeLessThan(refreshed);
  });
});

/** A random program: instructions of every kind on random registers at random levels, values kept small. */
function randomProgram(seed: number): EncryptedProgram {
  const random = uniform(seed);
  const below = (n: number) => Math.floor(((random() + 1) / 2) * n);
  const levels = [15, 6 + below(9), 4 + below(4)];
  const at = [...levels];
  const instructions: Instruction[] = [];
  for (let i = 0; i < 8; i++) {
    const high = at.map((level, register) => ({ level, register })).filter(({ level }) => level >= 4);
    const pick = () => high[below(high.length)]!;
    const [a, b] = [pick(), pick()];
    const level = Math.max(4, Math.min(a.level, b.level) - below(2));
    const output = at.length;
    const half = { op: 'linear', source, level, inputs: [a.register, b.register], outputs: [output], matrix: randomMatrix(() => [below(4), 8 + below(4)].sort(), 0.2), babySteps: every(4), giantSteps: [0, 8] } as const; // biome-ignore format: short
    const rotations = half.matrix.rotations(0, 0);
    const kinds: readonly Instruction[] = [
      { ...half, matrix: randomMatrix(() => rotations, 0.2) },
      { op: 'multiply', source, level, left: a.register, right: b.register, output },
      { op: 'productSum', source, level, left: a.register, right: b.register, terms: [{ left: [{ rotation: below(8), mask: 0 }], right: [{ rotation: below(8) }] }], output },
      { op: 'polynomial', source, level, input: a.register, steps: [{ op: 'polynomial', value: 0, coefficients: [0, 0.5, 0, -0.25] }], output },
      { op: 'rotateSum', source, level, input: a.register, steps: [1 + below(3)], output },
    ]; // biome-ignore format: a table
    const instruction = kinds[below(kinds.length)]!;
    instructions.push(instruction);
    at.push(
      level - { linear: 1, multiply: 1, productSum: 2, polynomial: 2, rotateSum: 0 }[instruction.op as 'linear']!,
    );
  }
  return programOf(levels, instructions, [at.length - 1], [randomVector(9, 0.5)]);
}

it.each([1, 2, 3, 4])('random program %i', async (seed) => {
  for (const error of await compare(randomProgram(seed))) expect(error).toBeLessThan(1e-5);
});

it('refuses a program that reads a register above its level', async () => {
  const program = programOf([4], [{ op: 'add', source, level: 5, left: 0, right: 0, output: 1 }], [1]);
  using machine = new Machine(context, program);
  using input = machine.encrypt(randomVector(1), 4);
  await expect(runCkks(machine.server, machine.planned, [input])).rejects.toThrow(ProgramError);
});

it('stops between instructions when it is told to, and leaves no memory', async () => {
  const add: Instruction = { op: 'add', source, level: 5, left: 0, right: 0, output: 1 };
  const program = programOf([5], [add, { ...add, output: 2 }], [2]);
  using machine = new Machine(context, program);
  using input = machine.encrypt(randomVector(1), 5);
  const before = context.kernels.memory().bytes;
  const stop = new AbortController();
  const run = runCkks(machine.server, machine.planned, [input], {
    signal: stop.signal,
    onInstruction: () => stop.abort(),
  });
  await expect(run).rejects.toThrow();
  expect(context.kernels.memory().bytes).toBe(before);
});

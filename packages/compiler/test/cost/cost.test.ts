// Predictions against what happens: key switches counted at the kernels' door, bytes of real keys, a table measured on a
// small insecure ring.
import {
  BootstrapPlan,
  bootstrapLiteral,
  Context,
  defaultBootstrapChain,
  keyMemoryBytes,
  Parameters,
  workOf,
} from '@cipherformer/ckks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CipherformerError } from '../../../base/src/errors.ts';
import { runCkks } from '../../../runtime/src/backends/ckks.ts';
import { planProgram } from '../../../runtime/src/keys/planned-program.ts';
import type { EncryptedProgram } from '../../../runtime/src/program/instructions.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { Machine, programOf, randomMatrix, randomVector, slots } from '../../../runtime/test/backends/support.ts';
import { measureCosts } from '../../src/cost/measure.ts';
import { type OperationName, operationsOf } from '../../src/cost/operations.ts';
import { predict } from '../../src/cost/predict.ts';
import { secondsOf } from '../../src/cost/table.ts';
import { compile } from '../../src/passes/compile.ts';
import { randomInputs, type TransformerShape, transformer } from '../passes/graphs.ts';

let context: Context;
beforeAll(async () => {
  context = await Machine.context();
});
afterAll(() => context[Symbol.dispose]());

const keySwitching: ReadonlySet<OperationName> = new Set([
  'hoistedRotation', 'babyRotation', 'giantRotation', 'rotate', 'relinearise',
]); // biome-ignore format: a list

const source = 'test';
const program: EncryptedProgram = programOf(
  [9, 7],
  [
    { op: 'linear', source, level: 7, inputs: [0, 1], outputs: [2, 3], matrix: randomMatrix((o) => (o === 0 ? [0, 1, 9] : [8, 10])), babySteps: [0, 1, 2], giantSteps: [0, 8] },
    { op: 'productSum', source, level: 6, left: 2, right: 3, output: 4, terms: Array.from({ length: 18 }, (_, i) => ({ left: [{ rotation: i, mask: 0 }, { rotation: i + 1, mask: 0 }], right: [{ rotation: i }] })) },
    { op: 'productSum', source, level: 6, left: 2, right: 2, output: 5, terms: [1, 2].map((i) => ({ left: [{ rotation: i }], right: [{ rotation: 5 }] })) },
    { op: 'multiply', source, level: 4, left: 4, right: 5, output: 6 },
    { op: 'rotateSum', source, level: 3, input: 6, steps: [1, 2], output: 7 },
    { op: 'polynomial', source, level: 9, input: 0, steps: [{ op: 'polynomial', value: 0, coefficients: [0.1, 0.2, 0.3, 0.1, 0.05, 0.02] }, { op: 'square', value: 1 }], output: 8 },
    { op: 'add', source, level: 3, left: 7, right: 8, output: 9 },
    { op: 'linear', source, level: 7, inputs: [0, 1], outputs: [10, 11, 12], matrix: randomMatrix(() => [0, 1, 8]), babySteps: [0, 1], giantSteps: [0, 8], packing: { inputs: [{ real: 0 }, { real: 1 }], outputs: [{ real: 0, imaginary: 1 }, { real: 2 }] } },
    { op: 'linear', source, level: 7, inputs: [0, 1], outputs: [13], matrix: randomMatrix(() => [0, 1, 8]), babySteps: [0, 1], giantSteps: [0, 8], packing: { inputs: [{ real: 0, imaginary: { input: 0, turn: 8 } }, { real: 1 }], outputs: [{ real: 0 }] } },
    { op: 'linear', source, level: 7, inputs: [0, 1], outputs: [14, 15], matrix: randomMatrix(() => [0, 1, 2, 8, 9]), babySteps: [0, 1, 2], giantSteps: [0, 8], dividesBabies: true },
    { op: 'productSum', source, level: 6, left: 2, right: 3, output: 16, terms: Array.from({ length: 20 }, (_, i) => ({ left: [{ rotation: i >> 1, mask: i & 1 }], right: [{ rotation: (i >> 1) + 1 + 16 * (i & 1) }] })), packing: { right: 16 } },
  ],
  [9],
  [randomVector(8), randomVector(9)],
); // biome-ignore format: a table of instructions

describe('predictions', () => {
  it('count the key switches of every instruction', async () => {
    using machine = new Machine(context, program);
    const inputs = program.inputs.map(({ level }, i) => machine.encrypt(randomVector(i), level));
    const counted: number[] = [];
    let sofar = 0;
    context.kernels.observer = (op, args) => {
      sofar += workOf(op, args).keySwitches;
    };
    using _ = await runCkks(machine.server, machine.planned, inputs, {
      onInstruction: () => {
        counted.push(sofar);
        sofar = 0;
      },
    });
    context.kernels.observer = undefined;
    for (const input of inputs) input[Symbol.dispose]();
    const predicted = program.instructions.map((instruction) =>
      operationsOf(instruction, program, context.parameters)
        .filter(({ operation }) => keySwitching.has(operation))
        .reduce((sum, { count }) => sum + count, 0),
    );
    expect(predicted).toEqual(counted);
    expect(counted[0]).toBeGreaterThan(4);
  });

  it('give the bytes of the keys exactly, with and without bootstraps', () => {
    const refreshing = programOf(
      [4],
      [
        { op: 'bootstrap', source, level: 3, inputs: [0], outputs: [1] },
        { op: 'rotateSum', source, level: 12, input: 1, steps: [1, 5], output: 2 },
        { op: 'multiply', source, level: 12, left: 2, right: 2, output: 3 },
      ],
      [3],
    );
    for (const one of [program, refreshing]) {
      using machine = new Machine(context, one);
      expect(keyMemoryBytes(context.parameters, machine.planned.keyPlan.specs)).toBe(machine.keys.bytes);
    }
  });

  it('one key a rotation, whatever the levels it is used at', () => {
    const rotateSum = { op: 'rotateSum', source, steps: [3], input: 0 } as const;
    const levels = [2, 5, 9];
    const many = programOf([15], levels.map((level, i) => ({ ...rotateSum, level, output: i + 1 })), [3]); // biome-ignore format: short
    using machine = new Machine(context, many);
    expect(machine.planned.keyPlan.specs.map(({ level }) => level)).toEqual([9]);
  });

  it('time and memory of a transformer', () => {
    const shape: TransformerShape = {
      ...{ tokens: 4, features: 6, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
      pooling: 'mean',
    };
    const inputs = randomInputs(shape, 7);
    const compiled = compile(transformer(shape, 3).calibrated([inputs]), { slots });
    packInputs(compiled.program, inputs);
    const { cpuSeconds, peakBytes, bootstraps } = predict(
      planProgram(compiled.program, new BootstrapPlan(context.parameters)),
    );
    expect(bootstraps).toBeGreaterThan(0);
    expect(cpuSeconds).toBeGreaterThan(1.4 * bootstraps);
    expect(peakBytes).toBeGreaterThan(2 ** 28);
  });
});

describe('a measured table', () => {
  const smallContext = () => {
    const chain = { ...defaultBootstrapChain, logN: 11, userLevels: 2 };
    return Context.create(Parameters.from(bootstrapLiteral(chain), { insecure: true }), { threads: 1, insecure: true });
  };

  it('is given up where a signal says so, with its reason', async () => {
    using context = await smallContext();
    const stop = new AbortController();
    const seen: number[] = [];
    const progress = ({ done }: { readonly done: number }) => {
      seen.push(done);
      setTimeout(() => stop.abort(new Error('enough')));
    };
    const measuring = measureCosts(context, { runs: 1, bootstraps: false, progress, signal: stop.signal });
    await expect(measuring).rejects.toThrow('enough');
    expect(seen).toEqual([1]);
  });

  it('has a positive time for everything at every level', async () => {
    using context = await smallContext();
    const table = await measureCosts(context, { runs: 1, bootstraps: false });
    expect(table.reference).toBeGreaterThan(0);
    for (const name of ['decompose', 'rotate', 'relinearise'] as const)
      for (const value of table.milliseconds[name].slice(1)) expect([name, value > 0]).toEqual([name, true]);
    const operations = [{ operation: 'rotate', level: 4, count: 2 }] as const;
    expect(secondsOf(table, operations)).toBeCloseTo((2 * table.milliseconds.rotate[4]!) / 1000);
    expect(() => secondsOf(table, [{ operation: 'rotate', level: 99, count: 1 }])).toThrow(CipherformerError);
  });
});

// Row 13: the back end multiplies on the ring by constants of its own; those that leave the modulus are refused there too.
import { type Context, Evaluator } from '@cipherformer/ckks';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bringDown } from '../../src/backends/bring.ts';
import { evaluateSteps } from '../../src/backends/ckks-polynomial.ts';
import { CanonicalScales } from '../../src/program/scales.ts';
import { Machine, programOf, slots } from './support.ts';

let context: Context;
let machine: Machine;
let evaluator: Evaluator;
let scales: CanonicalScales;
beforeAll(async () => {
  context = await Machine.context();
  machine = new Machine(context, programOf([2], [], [0]));
  evaluator = new Evaluator(context);
  scales = new CanonicalScales(context.parameters, machine.plan.outputLevel);
});
afterAll(() => {
  machine[Symbol.dispose]();
  context[Symbol.dispose]();
});

const half = (level: number) => context.parameters.logQ(level) - 1;
/** Bits from a limit: just below, just above, and up to 3 away. */
const off = fc.double({ min: -3, max: 3, noNaN: true }).filter((x) => Math.abs(x) > 0.05);

function slabsAfter(run: () => unknown): void {
  const before = context.kernels.memory().slabs;
  expect(run).toThrow(/does not fit/);
  expect(context.kernels.memory().slabs).toBe(before);
}

describe('row 13: constants of the back end', () => {
  it('a scale that a register is brought to', () => {
    using x = machine.encrypt(new Float64Array(slots).fill(0.5), 2);
    fc.assert(
      fc.property(fc.constantFrom(0, 1), off, (level, bits) => {
        const scale = 2 ** (half(level) + bits);
        if (bits > 0) return slabsAfter(() => bringDown(evaluator, x, level, scale));
        // 0.5 fits wherever 1 does.
        using brought = bringDown(evaluator, x, level, scale);
        expect(machine.decrypt(brought)[7]).toBeCloseTo(0.5, 5);
      }),
    );
  });

  it('factors of an affine step: whole at the level of their value, any at the level above', () => {
    using x = machine.encrypt(new Float64Array(slots).fill(0.5), 2);
    using y = bringDown(evaluator, x, 1, scales.at(1));
    const affine = (factor: number) =>
      evaluateSteps(evaluator, y, [{ op: 'affine', terms: [{ value: 0, factor }], offset: 0 }], scales);
    fc.assert(
      fc.property(fc.boolean(), off, fc.constantFrom(-1, 1), (whole, bits, sign) => {
        const level = whole ? 1 : 0;
        const size = 2 ** (half(level) - Math.log2(scales.at(level)) + bits);
        const factor = sign * (whole ? Math.round(size) : Math.floor(size) + 0.5);
        fc.pre(Number.isInteger(factor) === whole);
        if (bits > 0) return slabsAfter(() => affine(factor));
        using result = affine(factor);
        expect(result.level).toBe(level);
        expect(machine.decrypt(result)[7]! / factor).toBeCloseTo(0.5, 4);
      }),
    );
  });
});

// The predicted errors of a bootstrap against measured ones, from both sides, on small insecure rings; the prediction for
// the secure ring against what the test at full size measures there.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  BootstrapPlan,
  type BootstrapPrecision,
  bootstrapLiteral,
  bootstrapPrecision,
  defaultBootstrapChain,
  expectedPrecision,
  preciseBootstrapChain,
} from '../../../src/circuits/index.ts';
import { Parameters } from '../../../src/scheme/index.ts';
import { fixRandomness, Laboratory, minus } from '../../scheme/support.ts';
import { BootstrapBench, inputs, precision } from './bootstrap-support.ts';

const runs = 3;

describe.each([
  [11, 2 ** 10, 'usual', defaultBootstrapChain],
  [11, 2 ** 6, 'usual', defaultBootstrapChain],
  [12, 2 ** 11, 'usual', defaultBootstrapChain],
  [12, 2 ** 7, 'usual', defaultBootstrapChain],
  [11, 2 ** 10, 'with an arcsine', preciseBootstrapChain],
  [11, 2 ** 10, 'with a short arcsine', { ...preciseBootstrapChain, scaleBits: 43 }],
])('N = 2^%i, %i slots, %s', (logN, slots, name, of) => {
  let lab: Laboratory;
  let bench: BootstrapBench;
  beforeAll(async () => {
    fixRandomness(`bootstrap noise ${logN} ${slots} ${name}`);
    const chain = { ...of, logN, userLevels: 2, specialCount: 5 };
    lab = await Laboratory.create(bootstrapLiteral(chain));
    bench = new BootstrapBench(lab, { slots });
  });
  afterAll(() => {
    bench[Symbol.dispose]();
    lab[Symbol.dispose]();
    vi.restoreAllMocks();
  });

  function measure(name: string) {
    const values = inputs[name]!(slots);
    let [real, imaginary, mean, worst] = [0, 0, 0, 0];
    for (let i = 0; i < runs; i++) {
      using low = lab.encrypt(values, { slots, level: bench.plan.inputLevel });
      const result = lab.open(bench.bootstrapper.real(low));
      const errors = minus(result, values);
      real += errors.real.reduce((sum, x) => sum + x ** 2, 0) / (runs * slots);
      imaginary += errors.imag.reduce((sum, x) => sum + x ** 2, 0) / (runs * slots);
      const bits = precision(result, values);
      mean += 2 ** -bits.mean / runs;
      worst += bits.worst / runs;
    }
    return { real: Math.sqrt(real), imaginary: Math.sqrt(imaginary), mean: -Math.log2(mean), worst };
  }

  it.each([
    ['tiny', [0]],
    ['uniform', undefined],
    ['all +1', [1]],
    ['all -1', [-1]],
  ] as const)('%s', (name, values) => {
    const measured = measure(name);
    const predicted = bootstrapPrecision(bench.plan, values);
    for (const [a, b] of [
      [measured.real, predicted.deviation],
      [measured.imaginary, predicted.imaginaryDeviation],
    ] as const) {
      expect(a / b).toBeGreaterThan(1 / 1.25);
      expect(a / b).toBeLessThan(1.25);
    }
    expect(Math.abs(measured.mean - predicted.meanBits)).toBeLessThan(0.25);
    expect(Math.abs(measured.worst - predicted.worstBits)).toBeLessThan(0.75);
  });
});

it.each([40, 33])('the chooser’s estimate at scale 2^%i is this one, to half a bit', (scaleBits) => {
  const parameters = Parameters.from(
    bootstrapLiteral({ ...defaultBootstrapChain, scaleBits, wideBits: scaleBits + 10 }),
  );
  const { meanBits } = bootstrapPrecision(new BootstrapPlan(parameters));
  expect(Math.abs(expectedPrecision(16, scaleBits, 1, true) - meanBits)).toBeLessThan(0.5);
});

describe('the secure ring, no kernels needed', () => {
  const parameters = Parameters.from(bootstrapLiteral());
  // Measured at full size: mean and worst-slot bits.
  it.each([
    [2 ** 15, [0], 19.7, 15.5],
    [2 ** 15, undefined, 19.2, 15.8],
    [2 ** 12, undefined, 19.7, 17.7],
  ] as const)('%i slots of %j: %f bits mean, %f worst', (slots, values, mean, worst) => {
    const predicted = bootstrapPrecision(new BootstrapPlan(parameters, { slots }), values);
    expect(Math.abs(predicted.meanBits - mean)).toBeLessThan(0.3);
    expect(Math.abs(predicted.worstBits - worst)).toBeLessThan(0.75);
  });
});

it('the precise chain keeps four bits more at N = 2^16, and is secure', () => {
  const [usual, precise] = [defaultBootstrapChain, preciseBootstrapChain].map((chain) => {
    const plan = new BootstrapPlan(Parameters.from(bootstrapLiteral(chain)));
    expect(plan.levelsLeft).toBe(9);
    return bootstrapPrecision(plan);
  });
  expect(precise!.meanBits - usual!.meanBits).toBeGreaterThan(4);
  expect(precise!.worstBits - usual!.worstBits).toBeGreaterThan(4.5);
});

it('parts add up, and each moves with its cause', () => {
  const chain = { ...defaultBootstrapChain, logN: 12, userLevels: 1 };
  const predict = (over: Partial<typeof chain>, values?: readonly number[]): BootstrapPrecision =>
    bootstrapPrecision(
      new BootstrapPlan(Parameters.from(bootstrapLiteral({ ...chain, ...over }), { insecure: true })),
      values,
    );
  const base = predict({});
  const { slotsToCoeffs, coeffsToSlots, evalMod, approximation } = base.parts;
  expect(Math.hypot(slotsToCoeffs, coeffsToSlots, evalMod, approximation) / base.deviation).toBeCloseTo(1, 9);
  // Noise of a slot is proportional to N: N coefficients of variance N / 18.
  const larger = predict({ logN: 13 });
  expect(larger.parts.evalMod / evalMod).toBeCloseTo(2, 1);
  expect(larger.parts.approximation).toBeCloseTo(approximation, 9);
  // Wider primes at the same ratio to the scale: less noise, the same approximation.
  const narrow = predict({ scaleBits: 36, wideBits: 46 });
  expect(Math.log2(narrow.parts.evalMod / evalMod)).toBeCloseTo(4, 1);
  expect(narrow.parts.approximation / approximation).toBeCloseTo(1, 3);
  // The sine's error grows with the cube of the slots.
  expect(predict({}, [0]).parts.approximation).toBeLessThan(predict({}, [1]).parts.approximation / 8);
  expect(base.worstBits).toBeLessThan(base.meanBits - 1);
});

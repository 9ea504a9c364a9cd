// Bootstrapping at 128-bit security, N = 2^16: the promises that are made to users, on the parameters they get.
//
// Promised: 12 levels of 40 bits left, 16 bits in the mean and 13 in the worst slot over every kind of input. The sine's
// cubic error leaves 17.3 bits of a slot of absolute value 1; noise is what takes the worst of 2^15 slots below that.
// Takes minutes and about 8 GB.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BootstrapPlan,
  type BootstrapPlanOptions,
  bootstrapLiteral,
  bootstrapPrecision,
} from '../../../src/circuits/index.ts';
import type { Ciphertext, Slots } from '../../../src/scheme/index.ts';
import { Laboratory, randomSlots } from '../../scheme/support.ts';
import { BootstrapBench, inputs, precision } from './bootstrap-support.ts';

const promised = { mean: 16, worst: 13 };

function checkPrecision(what: string, measured: Slots, exact: Slots): { mean: number; worst: number } {
  const bits = precision(measured, exact);
  process.stderr.write(`${what}: ${bits.mean.toFixed(1)} bits mean, ${bits.worst.toFixed(1)} worst\n`);
  expect(bits.mean).toBeGreaterThan(promised.mean);
  expect(bits.worst).toBeGreaterThan(promised.worst);
  return bits;
}

/** The prediction of the plan, for a sample of the slots. */
function checkPrediction(plan: BootstrapPlan, bits: { mean: number; worst: number }, { real }: Slots): void {
  const predicted = bootstrapPrecision(
    plan,
    Array.from(real).filter((_, i) => i % (real.length / 16) === 0),
  );
  process.stderr.write(`predicted: ${predicted.meanBits.toFixed(1)} mean, ${predicted.worstBits.toFixed(1)} worst\n`);
  expect(Math.abs(bits.mean - predicted.meanBits)).toBeLessThan(0.5);
  expect(Math.abs(bits.worst - predicted.worstBits)).toBeLessThan(1.5);
}

/** One set of keys at a time: two would not fit beside each other on a small machine. */
function withBench(options: BootstrapPlanOptions) {
  const made: { lab?: Laboratory; bench?: BootstrapBench } = {};
  beforeAll(async () => {
    made.lab = await Laboratory.create(bootstrapLiteral());
    made.bench = new BootstrapBench(made.lab, options);
  });
  afterAll(() => {
    made.bench?.[Symbol.dispose]();
    made.lab?.context.kernels.trim();
    made.lab?.[Symbol.dispose]();
  });
  return {
    get lab() {
      return made.lab!;
    },
    get bench() {
      return made.bench!;
    },
    encrypt(values: Slots): Ciphertext {
      return this.lab.encrypt(values, { slots: values.real.length, level: this.bench.plan.inputLevel });
    },
    check(what: string, high: Ciphertext, exact: Slots): { mean: number; worst: number } {
      const { plan } = this.bench;
      expect([high.level, high.scale]).toEqual([plan.outputLevel, this.lab.parameters.scale]);
      expect(plan.levelsLeft).toBeGreaterThanOrEqual(12);
      return checkPrecision(what, this.lab.open(high), exact);
    },
  };
}

describe('all 2^15 slots', () => {
  const slots = 2 ** 15;
  const at = withBench({});

  it('the parameters are secure and the keys are what was planned', () => {
    expect(at.lab.parameters.insecure).toBe(false);
    const { plan, keys } = at.bench;
    expect(keys.evaluation.bytes + keys.toSparse.bytes + keys.toDense.bytes).toBe(plan.keyBytes);
    expect(plan.keyBytes).toBeLessThan(5 * 2 ** 30);
    expect(plan.log2FailureProbability).toBeLessThan(-100);
  });

  it.each(Object.keys(inputs))('real, %s', (name) => {
    const values = inputs[name]!(slots);
    using low = at.encrypt(values);
    checkPrediction(at.bench.plan, at.check(`real, ${name}`, at.bench.bootstrapper.real(low), values), values);
  });

  it('several random ciphertexts, each with new errors', () => {
    for (let seed = 0; seed < 3; seed++) {
      const values = { real: randomSlots(slots, seed).real, imag: new Float64Array(slots) };
      using low = at.encrypt(values);
      at.check(`real, random ${seed}`, at.bench.bootstrapper.real(low), values);
    }
  });

  it('complex', () => {
    const values = randomSlots(slots, 10, Math.SQRT1_2);
    using low = at.encrypt(values);
    at.check('complex', at.bench.bootstrapper.complex(low), values);
  });

  it('a pair', () => {
    const values = [inputs.uniform!(slots), inputs.alternating!(slots)];
    const low = values.map((v) => at.encrypt(v));
    for (const [i, high] of at.bench.bootstrapper.pair(low[0]!, low[1]!).entries())
      at.check(`pair ${i}`, high, values[i]!);
    for (const ct of low) ct[Symbol.dispose]();
  });

  it('twice in a row', () => {
    const values = inputs.uniform!(slots);
    using low = at.encrypt(values);
    using once = at.bench.bootstrapper.real(low);
    at.check('twice', at.bench.bootstrapper.real(once), values);
  });
});

describe('2^12 sparse slots', () => {
  const slots = 2 ** 12;
  const at = withBench({ slots });

  it.each(['uniform', 'all +1', 'one-hot'])('real, %s', (name) => {
    const values = inputs[name]!(slots);
    using low = at.encrypt(values);
    checkPrediction(at.bench.plan, at.check(`sparse, ${name}`, at.bench.bootstrapper.real(low), values), values);
  });

  it('complex', () => {
    const values = randomSlots(slots, 11, Math.SQRT1_2);
    using low = at.encrypt(values);
    at.check('sparse, complex', at.bench.bootstrapper.complex(low), values);
  });
});

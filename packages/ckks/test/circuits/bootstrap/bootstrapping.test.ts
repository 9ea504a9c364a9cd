// Bootstrapping on small, insecure rings: every way in and out of it, exact levels and scales, precision, work and bytes.
//
// Precision: the sine in place of x mod 1 costs (2 pi |m| / q0)^2 / 6, 2^-17.3 at |slot| = 1 and q0 = 2^10 scales: that
// is the bound on constants. Everything else (key errors, the series, rounding) is below 2^-18 at these N, so that the
// worst slot keeps 16 bits, and values below 2^-3, where the cube vanishes, keep 18.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { OnProgress } from '../../../../base/src/progress.ts';
import {
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  bootstrapLiteral,
  defaultBootstrapChain,
  generateBootstrapKeys,
  preciseBootstrapChain,
} from '../../../src/circuits/index.ts';
import { KeyError, MemoryError, OperandError, ParameterError } from '../../../src/errors/index.ts';
import { Op } from '../../../src/kernels/index.ts';
import {
  decryptToPlaintext,
  EvaluationKeys,
  Evaluator,
  encryptSymmetric,
  Parameters,
  SecretKey,
  type Slots,
} from '../../../src/scheme/index.ts';
import { fixRandomness, Laboratory, randomSlots, realSlots, wordsOf } from '../../scheme/support.ts';
import { BootstrapBench, countTransforms, inputs, precision } from './bootstrap-support.ts';

const chain = { ...defaultBootstrapChain, logN: 11, userLevels: 2, specialCount: 5 };
const full = 2 ** 10;
const few = 2 ** 6;
const worstBits = 16;

let lab: Laboratory;
let benches: Map<number, BootstrapBench>;

beforeAll(async () => {
  fixRandomness('bootstrapping');
  lab = await Laboratory.create(bootstrapLiteral(chain));
  benches = new Map([full, few].map((slots) => [slots, new BootstrapBench(lab, { slots })]));
});
afterAll(() => {
  for (const bench of benches.values()) bench[Symbol.dispose]();
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

const at = (slots: number) => benches.get(slots)!;

function encrypt(values: Slots, level = at(full).plan.inputLevel) {
  return lab.encrypt(values, { slots: values.real.length, level });
}

describe.each([full, few])('%i slots', (slots) => {
  it.each(Object.keys(inputs))('real, %s', (name) => {
    const { bootstrapper, plan } = at(slots);
    const values = inputs[name]!(slots);
    using low = encrypt(values);
    const before = wordsOf(low);
    using high = bootstrapper.real(low);
    expect([high.level, high.scale, high.slots, high.size]).toEqual([plan.outputLevel, lab.parameters.scale, slots, 2]);
    expect(wordsOf(low)).toEqual(before);
    const bits = precision(lab.decrypt(high), values);
    expect(bits.worst).toBeGreaterThan(name === 'tiny' ? 18 : worstBits);
  });

  it('complex: twice the work of EvalMod, the same precision', () => {
    const values = randomSlots(slots, 1);
    using low = encrypt(values);
    using high = at(slots).bootstrapper.complex(low);
    expect(high.level).toBe(at(slots).plan.outputLevel);
    expect(precision(lab.decrypt(high), values).worst).toBeGreaterThan(worstBits);
  });

  it('real drops imaginary parts', () => {
    const values = randomSlots(slots, 2);
    using low = encrypt(values);
    using high = at(slots).bootstrapper.real(low);
    const exact = { real: values.real, imag: new Float64Array(slots) };
    expect(precision(lab.decrypt(high), exact).worst).toBeGreaterThan(worstBits);
  });

  it('two real ciphertexts as one complex, and several in pairs', () => {
    const values = ['uniform', 'all +1', 'alternating'].map((name) => inputs[name]!(slots));
    const low = values.map((v) => encrypt(v));
    const pair = at(slots).bootstrapper.pair(low[0]!, low[1]!);
    const three = at(slots).bootstrapper.many(low);
    expect(three.length).toBe(3);
    expect(at(slots).bootstrapper.many([])).toEqual([]);
    for (const [i, high] of [...pair, ...three].entries()) {
      expect([high.level, high.scale]).toEqual([at(slots).plan.outputLevel, lab.parameters.scale]);
      const exact = values[i < 2 ? i : i - 2]!;
      expect(precision(lab.open(high), exact).worst).toBeGreaterThan(worstBits);
    }
    for (const ct of low) ct[Symbol.dispose]();
  });
});

describe('a scale of 2^45, with an arcsine', () => {
  let fine: Laboratory;
  let bench: BootstrapBench;
  beforeAll(async () => {
    fine = await Laboratory.create(
      bootstrapLiteral({ ...preciseBootstrapChain, logN: 11, userLevels: 2, specialCount: 5 }),
    );
    bench = new BootstrapBench(fine);
  });
  afterAll(() => {
    bench[Symbol.dispose]();
    fine[Symbol.dispose]();
  }); // biome-ignore format: short

  it.each(Object.keys(inputs))('keeps 22 bits of the worst slot: %s', (name) => {
    const { bootstrapper, plan } = bench;
    const values = inputs[name]!(full);
    using low = fine.encrypt(values, { slots: full, level: plan.inputLevel });
    using high = bootstrapper.real(low);
    expect([high.level, high.scale, plan.levelsLeft]).toEqual([plan.outputLevel, fine.parameters.scale, 2]);
    expect(precision(fine.decrypt(high), values).worst).toBeGreaterThan(22);
  });

  it('refreshes pairs; the NTTs that its plan counts are those that run, and no number comes back beyond its period', () => {
    const { bootstrapper, plan } = bench;
    const values = inputs.uniform!(full);
    using low = fine.encrypt(values, { slots: full, level: plan.inputLevel });
    for (const high of bootstrapper.pair(low, low))
      expect(precision(fine.open(high), values).worst).toBeGreaterThan(22);
    const count = countTransforms(fine.context.kernels, () => bootstrapper.real(low)[Symbol.dispose]());
    expect(plan.transforms).toBe(count);
    using far = fine.encrypt(
      realSlots(full, () => 32.25),
      { slots: full, level: plan.inputLevel },
    );
    using back = bootstrapper.real(far);
    expect(Math.abs(fine.decrypt(back).real[0]! - 0.25)).toBeLessThan(2 ** -15);
  });
});

it('refreshes again and again: four bootstraps with a squaring between', () => {
  const { bootstrapper, keys } = at(full);
  // The bootstrap's own relinearisation key serves the user's levels too.
  const ev = new Evaluator(lab.context, keys.evaluation);
  let exact = realSlots(full, (i) => Math.cos(i));
  let ct = encrypt(exact);
  for (let round = 0; round < 4; round++) {
    using before = ct;
    using high = bootstrapper.real(before);
    // T_2 maps [-1, 1] onto itself and multiplies errors by up to four.
    using square = ev.multiplyRaw(high, high);
    ev.addTo(square, square);
    ev.addConstantTo(square, -1);
    ct = ev.relineariseRescale(square);
    const last = exact;
    exact = realSlots(full, (i) => 2 * last.real[i]! ** 2 - 1);
  }
  expect(precision(lab.open(ct), exact).worst).toBeGreaterThan(worstBits - 9);
});

it('starts at any level from its input level on, and from any scale near the parameters’', () => {
  const { bootstrapper, plan } = at(few);
  const values = inputs.uniform!(few);
  for (const level of [plan.inputLevel, plan.inputLevel + 1, lab.parameters.maxLevel]) {
    using low = encrypt(values, level);
    using high = bootstrapper.real(low);
    expect(precision(lab.decrypt(high), values).worst).toBeGreaterThan(worstBits);
  }
  using low = lab.encrypt(values, { slots: few, level: plan.inputLevel, scale: 2 ** 39.5 });
  using high = bootstrapper.real(low);
  expect(high.scale).toBe(lab.parameters.scale);
  expect(precision(lab.decrypt(high), values).worst).toBeGreaterThan(worstBits - 1);
});

describe('the plan', () => {
  it.each([full, few])('%i slots: keys, their bytes, levels and rotations are those in use', (slots) => {
    const { plan, keys } = at(slots);
    const bytes = keys.evaluation.bytes + keys.toSparse.bytes + keys.toDense.bytes;
    expect(plan.keyBytes).toBe(bytes);
    expect([...keys.evaluation.all()].length).toBe(plan.galoisUses().length + 1);
    expect(plan.levelsLeft).toBe(chain.userLevels);
    expect(plan.outputLevel).toBe(plan.inputLevel + chain.userLevels);
    expect([keys.toSparse.level, keys.toSparse.gadget]).toEqual([0, { special: 1, digitSizes: [1] }]);
    expect(keys.toDense.level).toBe(lab.parameters.maxLevel);
  });

  it.each([full, few])('%i slots: the NTTs it counts are the NTTs that run', (slots) => {
    const { plan, bootstrapper } = at(slots);
    using low = encrypt(inputs.uniform!(slots));
    const count = countTransforms(lab.context.kernels, () => bootstrapper.real(low)[Symbol.dispose]());
    expect(plan.transforms).toBe(count);
  });

  it('every key of the plan is used, and no other is asked for', () => {
    const { plan, keys, bootstrapper } = at(few);
    using low = encrypt(inputs.uniform!(few));
    const asked = new Set<string>();
    const { evaluation } = keys;
    const galois = evaluation.galois.bind(evaluation);
    evaluation.galois = (element, level, what, special) => {
      const key = galois(element, level, what, special);
      asked.add(`${element}/${key.gadget.special}`);
      return key;
    };
    bootstrapper.real(low)[Symbol.dispose]();
    evaluation.galois = galois;
    expect(asked).toEqual(
      new Set(plan.galoisUses().map((use) => `${use.galois}/${lab.parameters.gadget(use.level).special}`)),
    );
  });

  it('needs no kernels for the default, secure parameters: 9 levels, below 2^-100, within the budget', () => {
    const parameters = Parameters.from(bootstrapLiteral());
    expect(parameters.insecure).toBe(false);
    const plan = new BootstrapPlan(parameters);
    expect(plan.levelsLeft).toBe(9);
    expect(plan.log2FailureProbability).toBeLessThan(-100);
    // Of 86 keys and 4.4 GiB for 12 levels before baby steps and giant steps shared theirs.
    expect(plan.keySpecs()).toHaveLength(50);
    expect(plan.keyBytes).toBeLessThan(1.8 * 2 ** 30);
    expect(plan.transforms).toBeLessThan(3700);
    const sparse = new BootstrapPlan(parameters, { slots: 2 ** 12 });
    expect(sparse.transforms).toBeLessThan(plan.transforms);
    // Its trace has a key at the top for each halving of the slots.
    expect(sparse.keyBytes).toBeLessThan(1.1 * plan.keyBytes);
  });

  it('refuses chains without room, and slots that cannot be split', () => {
    const short = Parameters.from(
      { ...bootstrapLiteral(chain), chainBits: Array<number>(15).fill(50) },
      { insecure: true },
    );
    expect(() => new BootstrapPlan(short)).toThrow(ParameterError);
    expect(() => new BootstrapPlan(short)).toThrow(/have 14 levels, but a bootstrap takes 12 at the top and 3/);
    expect(() => new BootstrapPlan(lab.parameters, { slots: 8 })).toThrow(/8 slots cannot be split into 4/);
    for (const slots of [0, 3, 100, 2 * full, Number.NaN])
      expect(() => new BootstrapPlan(lab.parameters, { slots })).toThrow(ParameterError);
  });

  it('refuses options out of range, by name', () => {
    for (const levels of [0, -1, 1.5, Number.NaN]) {
      for (const name of ['slotsToCoeffsLevels', 'coeffsToSlotsLevels'] as const) {
        expect(() => new BootstrapPlan(lab.parameters, { [name]: levels })).toThrow(ParameterError);
        expect(() => new BootstrapPlan(lab.parameters, { [name]: levels })).toThrow(new RegExp(`${name} .*${levels}`));
        expect(() => bootstrapLiteral({ ...chain, [name]: levels })).toThrow(ParameterError);
      }
      expect(() => bootstrapLiteral({ ...chain, userLevels: levels })).toThrow(/userLevels/);
      expect(() => bootstrapLiteral({ ...chain, specialCount: levels })).toThrow(/specialCount/);
    }
  });
});

describe('matrices', () => {
  /** Encodings and bytes kept by what `make` makes. */
  function encoded<Made>(make: () => Made): { made: Made; encodings: number; bytes: number } {
    const { kernels } = lab.context;
    const before = kernels.memory().bytes;
    let encodings = 0;
    kernels.observer = (op, args) => {
      if (op === Op.encodeMany) encodings += Number(args[4]);
    };
    try {
      const made = make();
      return { made, encodings, bytes: kernels.memory().bytes - before };
    } finally {
      kernels.observer = undefined;
    }
  }

  it('are encoded once, however many key sets refresh with them, and stay when the keys go', () => {
    const { plan } = at(few);
    const first = encoded(() => new BootstrapMatrices(lab.context, plan));
    using matrices = first.made;
    const diagonals = [...plan.slotsToCoeffs, ...plan.coeffsToSlots].flatMap(({ giantSteps }) =>
      [...giantSteps.values()].flat(),
    );
    // One more for the imaginary unit.
    expect(first.encodings).toBe(diagonals.length + 1);
    expect(first.bytes).toBe(matrices.bytes + 8 * matrices.imaginaryUnit.slab.words);
    const values = inputs.uniform!(few);
    using plaintext = lab.encoder.encode(values.real, values.imag, { slots: few, level: plan.inputLevel });
    for (const byte of [1, 2]) {
      using secret = new SecretKey(lab.context, new Uint8Array(32).fill(byte));
      using keys = generateBootstrapKeys(secret, plan);
      const { made: bootstrapper, encodings, bytes } = encoded(() => new Bootstrapper(matrices, keys));
      expect([encodings, bytes]).toEqual([0, 0]);
      using low = encryptSymmetric(secret, plaintext).ciphertext;
      using high = bootstrapper.real(low);
      using result = decryptToPlaintext(secret, high);
      expect(precision(lab.encoder.decode(result), values).worst).toBeGreaterThan(worstBits);
    }
  });

  it('are all given back where making them is interrupted, and none serves after they were disposed of', () => {
    const { plan, keys } = at(few);
    const before = lab.context.kernels.memory().slabs;
    const interrupted: OnProgress = ({ done }) => {
      if (done === 3) throw new Error('enough');
    };
    expect(() => new BootstrapMatrices(lab.context, plan, interrupted)).toThrow('enough');
    const matrices = new BootstrapMatrices(lab.context, plan);
    matrices[Symbol.dispose]();
    expect(lab.context.kernels.memory().slabs).toBe(before);
    using low = encrypt(inputs.uniform!(few));
    expect(() => new Bootstrapper(matrices, keys).real(low)).toThrow(MemoryError);
  });
});

describe('bad input', () => {
  it('is refused by name, and leaves no memory behind', async () => {
    const { bootstrapper, plan } = at(full);
    const values = inputs.uniform!(full);
    using low = encrypt(values, plan.inputLevel - 1);
    using sparse = encrypt(inputs.uniform!(few));
    using good = encrypt(values);
    using scaled = lab.encrypt(values, { level: plan.inputLevel, scale: 2 ** 38 });
    using other = await Laboratory.create({ ...bootstrapLiteral(chain), logN: 10 });
    using foreign = other.encrypt(inputs.uniform!(512), { level: plan.inputLevel });
    const gone = encrypt(values);
    gone[Symbol.dispose]();
    const before = lab.context.kernels.memory().slabs;
    expect(() => bootstrapper.real(low)).toThrow(/starts at level 3 or above, the ciphertext is at level 2/);
    expect(() => bootstrapper.real(sparse)).toThrow(/refreshes 1024 slots, the ciphertext has 64/);
    expect(() => bootstrapper.real(foreign)).toThrow(/belongs to parameters/);
    expect(() => bootstrapper.real(gone)).toThrow(/disposed of/);
    using wide = lab.encrypt(values, { level: plan.inputLevel, scale: 2 ** 45 });
    expect(() => bootstrapper.real(wide)).toThrow(/scale 2\^45\.0 is too close to q0, which is 2\^5 times/);
    expect(() => bootstrapper.pair(good, scaled)).toThrow(/operands of scale/);
    expect(() => bootstrapper.pair(good, sparse)).toThrow(OperandError);
    using raw = lab.evaluator.multiplyRaw(good, good);
    expect(() => bootstrapper.real(raw)).toThrow(/rescale the ciphertext/);
    raw.scale = good.scale;
    expect(() => bootstrapper.real(raw)).toThrow(/two parts/);
    expect(() => bootstrapper.many([good, good, low])).toThrow(/starts at level 3/);
    expect(lab.context.kernels.memory().slabs).toBe(before + 2);
    expect(() => generateBootstrapKeys(other.secret, plan)).toThrow(/the plan is for parameters/);
    expect(() => new BootstrapMatrices(other.context, plan)).toThrow(/make a BootstrapPlan for these/);
    {
      using others = new BootstrapMatrices(other.context, new BootstrapPlan(other.parameters));
      expect(() => new Bootstrapper(others, at(full).keys)).toThrow(/the key to the sparse secret belongs to/);
    }
    const interrupted = () => {
      throw new Error('enough');
    };
    expect(() => generateBootstrapKeys(lab.secret, plan, interrupted)).toThrow('enough');
    expect(lab.context.kernels.memory().slabs).toBe(before + 2);
  });

  it('a missing key is named', () => {
    const bare = { ...at(few).keys, evaluation: new EvaluationKeys(lab.context) };
    const bootstrapper = new Bootstrapper(at(few).matrices, bare);
    using low = encrypt(inputs.uniform!(few));
    expect(() => bootstrapper.real(low)).toThrow(KeyError);
    expect(() => bootstrapper.real(low)).toThrow(/missing key for a rotation by \d+ .*at level 3/);
  });
});

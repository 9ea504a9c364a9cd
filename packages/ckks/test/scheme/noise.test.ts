// Measured noise against its formula, from both sides: too little noise would mean a missing error term.
//
// Randomness is fixed, so each test always passes or never does. The tolerance: a ratio of deviations from 2048 slots
// (4096 real parts) spreads by 1.1% where the slots' errors are Gaussian. Products of two noise-like polynomials (a digit
// and a key's error, a message and a noise) are heavier: the square of a slot has a relative variance of 3, so the ratio
// spreads by 0.5 sqrt(3 / 2048) = 1.9%; the secret's length adds 0.5%. Twelve percent is six of those: 1e-8 a test.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ciphertext, encryptPublic, encryptSymmetric, NoiseModel, type Slots } from '../../src/scheme/index.ts';
import {
  deviation,
  fixRandomness,
  Laboratory,
  meanSquare,
  plus,
  randomSlots,
  smallLiteral,
  times,
  turned,
} from './support.ts';

const tolerance = 0.12;
let lab: Laboratory;
let model: NoiseModel;
let slots: number;

beforeAll(async () => {
  fixRandomness('noise');
  lab = (await Laboratory.create({ ...smallLiteral, logN: 12 })).withKeys([1, 5]);
  model = new NoiseModel(lab.parameters);
  slots = lab.parameters.maxSlots;
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

/** Compares the deviation in the slots with the formula's. */
function check(measured: Slots, exact: Slots, variance: number, scale: number, count = slots): void {
  const ratio = deviation(measured, exact) / model.slotDeviation(variance, scale, count);
  expect(ratio, 'measured / formula').toBeGreaterThan(1 - tolerance);
  expect(ratio, 'measured / formula').toBeLessThan(1 + tolerance);
}

/** An encryption without the encoding's rounding in its error: what was encoded, as decoded again. */
function encrypted(values: Slots, options: { level?: number; slots?: number } = {}): { ct: Ciphertext; exact: Slots } {
  using plaintext = lab.encoder.encode(values.real, values.imag, options);
  return { ct: encryptSymmetric(lab.secret, plaintext).ciphertext, exact: lab.encoder.decode(plaintext) };
}

const powerOf = (values: Slots, scale: number) => meanSquare(values) * scale ** 2;

describe('fresh noise', () => {
  it('of encoding, full and sparse', () => {
    for (const count of [slots, slots / 4]) {
      const values = randomSlots(count, 1);
      using plaintext = lab.encoder.encode(values.real, values.imag, { slots: count, scale: 2 ** 30 });
      check(lab.encoder.decode(plaintext), values, model.encoding, 2 ** 30, count);
    }
  });

  it('of the secret key, full and sparse', () => {
    for (const count of [slots, slots / 4]) {
      const { ct, exact } = encrypted(randomSlots(count, 2), { slots: count });
      check(lab.open(ct), exact, model.symmetric, lab.parameters.scale, count);
    }
  });

  it('of the public key: the rounding of the division by its special prime', () => {
    using key = lab.generator.publicKey();
    const values = randomSlots(slots, 3);
    using plaintext = lab.encoder.encode(values.real, values.imag);
    check(lab.open(encryptPublic(key, plaintext)), lab.encoder.decode(plaintext), model.public, lab.parameters.scale);
  });
});

describe('linear operations', () => {
  it('sum', () => {
    const a = encrypted(randomSlots(slots, 4));
    const b = encrypted(randomSlots(slots, 5));
    using x = a.ct;
    using y = b.ct;
    const variance = model.sum(model.symmetric, model.symmetric);
    check(lab.open(lab.evaluator.add(x, y)), plus(a.exact, b.exact), variance, x.scale);
  });

  it('product with a plaintext', () => {
    const a = encrypted(randomSlots(slots, 6));
    using x = a.ct;
    const values = randomSlots(slots, 7);
    // A small scale makes the plaintext's rounding the larger part, a large one the ciphertext's noise.
    for (const scale of [2 ** 20, 2 ** 40]) {
      using p = lab.encoder.encode(values.real, values.imag, { scale });
      const variance = model.plainProduct(
        { variance: model.symmetric, power: powerOf(a.exact, x.scale) },
        powerOf(values, scale),
      );
      check(lab.open(lab.evaluator.multiplyPlain(x, p)), times(a.exact, values), variance, x.scale * scale);
    }
  });

  it('product with a plaintext that repeats', () => {
    const a = encrypted(randomSlots(slots, 8));
    using x = a.ct;
    const few = randomSlots(slots / 8, 9);
    const repeated: Slots = {
      real: Float64Array.from({ length: slots }, (_, i) => few.real[i % (slots / 8)]!),
      imag: Float64Array.from({ length: slots }, (_, i) => few.imag[i % (slots / 8)]!),
    };
    using p = lab.encoder.encode(few.real, few.imag, { scale: 2 ** 20, slots: slots / 8 });
    const variance = model.plainProduct(
      { variance: model.symmetric, power: powerOf(a.exact, x.scale) },
      powerOf(few, 2 ** 20),
      8,
    );
    check(lab.open(lab.evaluator.multiplyPlain(x, p)), times(a.exact, repeated), variance, x.scale * 2 ** 20);
  });

  it('rescale: the rounding, of two and of three parts', () => {
    const a = encrypted(randomSlots(slots, 10));
    using x = a.ct;
    const scale = x.scale / lab.parameters.primeAt(x.level);
    check(lab.open(lab.evaluator.rescale(x)), a.exact, model.rescale(model.symmetric, x.level), scale);

    const value = { variance: model.symmetric, power: powerOf(a.exact, x.scale) };
    using square = lab.evaluator.multiplyRaw(x, x);
    // Both factors carry the same noise: 2 m e, twice the variance of independent ones.
    const variance = 4 * value.power * value.variance;
    check(
      lab.open(lab.evaluator.rescale(square)),
      times(a.exact, a.exact),
      model.rescale(variance, x.level, 3),
      square.scale / lab.parameters.primeAt(x.level),
    );
  });
});

describe('products of ciphertexts', () => {
  const fresh = (values: Slots, level: number) => {
    const { ct, exact } = encrypted(values, { level });
    return { ct, exact, value: { variance: model.symmetric, power: powerOf(exact, ct.scale) } };
  };

  it('before relinearisation', () => {
    const a = fresh(randomSlots(slots, 11), 3);
    const b = fresh(randomSlots(slots, 12), 3);
    using x = a.ct;
    using y = b.ct;
    const raw = lab.evaluator.multiplyRaw(x, y);
    check(lab.open(raw), times(a.exact, b.exact), model.product(a.value, b.value), x.scale * y.scale);
  });

  it('of small messages, where noise times noise counts', () => {
    // At scale 2^3 the message is as large as the noise.
    const values = randomSlots(slots, 13);
    const make = (seed: number) => {
      using plaintext = lab.encoder.encode(values.real, values.imag, { scale: 2 ** seed });
      return { ct: encryptSymmetric(lab.secret, plaintext).ciphertext, exact: lab.encoder.decode(plaintext) };
    };
    const a = make(3);
    const b = make(3);
    using x = a.ct;
    using y = b.ct;
    const value = { variance: model.symmetric, power: powerOf(a.exact, 8) };
    check(lab.open(lab.evaluator.multiplyRaw(x, y)), times(a.exact, b.exact), model.product(value, value), 64);
  });

  // Level 5 has two digits, level 1 one; a key of level 5 serves both, with its own digits cut.
  it.each([5, 4, 2, 1])('relinearised and rescaled at level %i', (level) => {
    const a = fresh(randomSlots(slots, 20 + level), level);
    const b = fresh(randomSlots(slots, 30 + level), level);
    using x = a.ct;
    using y = b.ct;
    const { gadget } = lab.keys.relinearisation(level);
    const result = lab.evaluator.multiply(x, y);
    const variance = model.relineariseRescale(model.product(a.value, b.value), level, gadget);
    check(lab.open(result), times(a.exact, b.exact), variance, result.scale);
  });

  it('relinearised alone: the key errors, seen through a message of zero', () => {
    const zero: Slots = { real: new Float64Array(slots), imag: new Float64Array(slots) };
    const a = fresh(zero, 4);
    const b = fresh(zero, 4);
    using x = a.ct;
    using y = b.ct;
    using raw = lab.evaluator.multiplyRaw(x, y);
    const { gadget } = lab.keys.relinearisation(4);
    const variance = model.keySwitch(model.product(a.value, b.value), 4, gadget);
    check(lab.open(lab.evaluator.relinearise(raw)), zero, variance, raw.scale);
  });
});

describe('rotations', () => {
  it.each([5, 3, 1, 0])('key errors and rounding at level %i', (level) => {
    const a = encrypted(randomSlots(slots, 40 + level), { level });
    using x = a.ct;
    const { gadget } = lab.keys.galois(5, level, 'a rotation by 1');
    const variance = model.keySwitch(model.symmetric, level, gadget);
    check(lab.open(lab.evaluator.rotate(x, 1)), turned(a.exact, 1), variance, x.scale);
  });

  it('hoisted', () => {
    const a = encrypted(randomSlots(slots, 50));
    using x = a.ct;
    const variance = model.keySwitch(model.symmetric, x.level);
    const results = lab.evaluator.rotateHoisted(x, [1, 5]);
    for (const [i, steps] of [1, 5].entries()) check(lab.open(results[i]!), turned(a.exact, steps), variance, x.scale);
  });
});

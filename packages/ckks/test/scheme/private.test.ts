// Decrypted values stay private; shared ones carry enough noise. The attack is Li and Micciancio's (EUROCRYPT 2021):
// c0 + c1 s = m in R_q, so an exact decryption m gives s = (m - c0) / c1, wherever c1 is invertible.
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Ciphertext,
  Context,
  Decryptor,
  Encoder,
  EvaluationKeys,
  Evaluator,
  encryptSymmetric,
  floodingDeviation,
  inverseMod,
  KeyGenerator,
  loadKernels,
  OperandError,
  Parameters,
  randomSeed,
  SecretKey,
  Slab,
  type Slots,
} from '../../src/index.ts';

const context = new Context(
  Parameters.from({ logN: 10, chainBits: [50, 40, 40], specialBits: [50], scaleBits: 40 }, { insecure: true }),
  await loadKernels({ threads: 1 }),
  { insecure: true },
);
const { parameters, kernels, ring } = context;
const secret = new SecretKey(context, randomSeed());
const decryptor = new Decryptor(secret);
const encoder = new Encoder(context);
afterAll(() => {
  for (const owned of [secret, context]) owned[Symbol.dispose]();
});

/** Errors of fresh encryptions: each coefficient's deviation is 3.24, a slot's sqrt(N / 2) times that; 8 deviations. */
const errorBits = Math.log2((8 * 3.24 * Math.sqrt(ring.n / 2)) / parameters.scale);

function encrypted(level = 2): Ciphertext {
  const wave = (f: number) => Array.from({ length: parameters.maxSlots }, (_, i) => Math.sin(f * i));
  using plaintext = encoder.encode(wave(1), wave(2), { level });
  return encryptSymmetric(secret, plaintext).ciphertext;
}

/** The adversary: sees a ciphertext and decrypted slots, returns what should be the secret's coefficients modulo q0. */
function attack(ciphertext: Ciphertext, slots: Slots): number[] {
  using guess = encoder.encode(slots.real, slots.imag, { level: 0, scale: ciphertext.scale });
  using work = new Slab(kernels, ring.n);
  ring.subtract(work.address(), guess.part(0), ciphertext.part(0), [0]);
  const p = BigInt(parameters.primeAt(0));
  const mask = new BigUint64Array(ring.n);
  const bytes = kernels.view(ciphertext.part(1), 8 * ring.n);
  mask.set(new BigUint64Array(bytes.buffer, bytes.byteOffset, ring.n));
  const words = work.wordsView();
  for (let i = 0; i < ring.n; i++) words[i] = (words[i]! * inverseMod(mask[i]!, p)) % p;
  ring.inverse(work.address(), work.address(), [0]);
  return Array.from(work.wordsView(), (word) => Number(word > p / 2n ? word - p : word));
}

function trueSecret(): number[] {
  using work = new Slab(kernels, ring.n);
  ring.inverse(work.address(), secret.limb(), [0]);
  const p = BigInt(parameters.primeAt(0));
  return Array.from(work.wordsView(), (word) => Number(word > p / 2n ? word - p : word));
}

const secretCoefficients = trueSecret();

describe('the Li-Micciancio attack', () => {
  it('finds the secret key in an exact decryption', () => {
    using ciphertext = encrypted();
    using decrypted = decryptor.decrypt(ciphertext);
    expect(attack(ciphertext, decrypted.reveal())).toEqual(secretCoefficients);
  });

  it('finds it after a homomorphic computation too', () => {
    using keys = new EvaluationKeys(context).addRelinearisation(new KeyGenerator(secret).relinearisation());
    const evaluator = new Evaluator(context, keys);
    using a = encrypted();
    using raw = evaluator.multiplyRaw(a, a);
    using product = evaluator.relineariseRescale(raw);
    using decrypted = decryptor.decrypt(product);
    expect(attack(product, decrypted.reveal())).toEqual(secretCoefficients);
  });

  it('finds it where the noise added is too small', () => {
    using ciphertext = encrypted();
    using decrypted = decryptor.decrypt(ciphertext);
    const shared = decrypted.share({ errorBits, floodingBits: -40, imaginary: true });
    expect(shared.securityBits).toBe(0);
    expect(attack(ciphertext, shared)).toEqual(secretCoefficients);
  });

  it('fails with flooding, and what is shared is still the result', () => {
    using ciphertext = encrypted();
    using decrypted = decryptor.decrypt(ciphertext);
    const exact = decrypted.reveal();
    const shared = decrypted.share({ errorBits, imaginary: true });
    const found = attack(ciphertext, shared);
    // Nothing of a ternary polynomial is left: values modulo a 50-bit prime, right by chance only.
    expect(found.filter((x, i) => x === secretCoefficients[i]).length).toBeLessThan(3);
    expect(found.filter((x) => Math.abs(x) > 2 ** 40).length).toBeGreaterThan(0.9 * ring.n);
    const worst = Math.max(...shared.real.map((x, i) => Math.abs(x - exact.real[i]!)));
    expect(worst).toBeLessThan(6 * shared.deviation);
    expect(worst).toBeGreaterThan(shared.deviation);
    expect(shared.deviation).toBeLessThan(0.05);
  });
});
describe('share', () => {
  it('adds noise of the stated deviation and mean zero to every value', () => {
    using ciphertext = encrypted();
    using decrypted = decryptor.decrypt(ciphertext);
    const exact = decrypted.reveal();
    const shared = decrypted.share({ errorBits, securityBits: 20, imaginary: true });
    const noise = [...shared.real.map((x, i) => x - exact.real[i]!), ...shared.imag.map((x, i) => x - exact.imag[i]!)];
    const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
    const deviation = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
    // 1024 values: five standard errors of the mean and of the deviation.
    expect(Math.abs(mean)).toBeLessThan((5 * shared.deviation) / Math.sqrt(noise.length));
    expect(Math.abs(deviation / shared.deviation - 1)).toBeLessThan(5 / Math.sqrt(2 * noise.length));
  });

  it('takes the deviation from the formula, in whatever way it is asked', () => {
    const share = (options: object) => {
      using ciphertext = encrypted(0);
      using decrypted = decryptor.decrypt(ciphertext);
      return decrypted.share({ errorBits, ...options });
    };
    const error = 2 ** errorBits;
    const wanted = floodingDeviation(error, 30, 512);
    expect(wanted).toBe(Math.sqrt(12 * 512) * 2 ** 15 * error);
    const usual = share({});
    expect(usual.securityBits).toBe(30);
    // Rounding to the grid widens the error bound by a 64th, the sampler's deviation is rounded up by a thousandth bit.
    expect(usual.deviation / wanted).toBeGreaterThan(1 + 1 / 64);
    expect(usual.deviation / wanted).toBeLessThan(1.02);
    expect(usual.log2Distance).toBeCloseTo(-15 - Math.log2(Math.sqrt(48)), 9);
    const given = share({ floodingBits: Math.log2(usual.deviation) });
    expect(given.securityBits).toBeCloseTo(30, 1);
    expect(share({ shares: 16 }).deviation / usual.deviation).toBeCloseTo(4, 2);
    expect(share({ securityBits: 40 }).deviation / usual.deviation).toBeCloseTo(32, 0);
    const few = share({ count: 8 });
    expect(few.real.length).toBe(8);
    expect(few.deviation / usual.deviation).toBeCloseTo(1 / 8, 2);
  });

  it('answers once, and refuses options that make no sense', () => {
    using ciphertext = encrypted(0);
    using decrypted = decryptor.decrypt(ciphertext);
    for (const wrong of [
      { errorBits: Number.NaN },
      { errorBits, shares: 0 },
      { errorBits, count: 513 },
      { errorBits, securityBits: -1 },
      { errorBits, securityBits: 120 },
      { errorBits, floodingBits: Number.POSITIVE_INFINITY },
      { errorBits, securityBits: 20, floodingBits: -10 },
      { errorBits: -300 },
    ])
      expect(() => decrypted.share(wrong), JSON.stringify(wrong)).toThrow(OperandError);
    decrypted.share({ errorBits });
    expect(() => decrypted.share({ errorBits })).toThrow(/shared already/);
  });
});

describe('private slots', () => {
  it('do not print, serialise or outlive their owner', () => {
    using ciphertext = encrypted(0);
    const decrypted = decryptor.decrypt(ciphertext);
    expect(() => JSON.stringify({ decrypted })).toThrow(/cannot become JSON/);
    expect(() => structuredClone(decrypted)).not.toThrow();
    expect(structuredClone(decrypted)).toEqual({});
    expect(inspect({ decrypted }, { depth: 9, showHidden: true })).toBe('{ decrypted: [private slots] }');
    expect(`${decrypted}`).toBe('[private slots]');
    expect(Object.keys(decrypted)).toEqual([]);
    decrypted[Symbol.dispose]();
    expect(() => decrypted.reveal()).toThrow(/after it was released/);
  });
});

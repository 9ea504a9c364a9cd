// Decrypted values stay private; shared ones carry enough noise. The attack is Li and Micciancio's (EUROCRYPT 2021):
// c0 + c1 s = m in R_q, so an exact decryption m gives s = (m - c0) / c1, wherever c1 is invertible.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
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
  type SharedSlots,
  type ShareOptions,
  Slab,
  type Slots,
} from '../../src/index.ts';

const context = new Context(
  Parameters.from({ logN: 10, chainBits: [50, 40, 40], specialBits: [50], scaleBits: 40 }, { insecure: true }),
  await loadKernels({ threads: 1 }),
  { insecure: true },
);
const { parameters, kernels, ring } = context;
const encoder = new Encoder(context);
afterAll(() => context[Symbol.dispose]());

/** A key of its own for every test: what may be shared is counted by key. */
class Owner implements Disposable {
  readonly secret: SecretKey;
  readonly decryptor: Decryptor;

  constructor(seed = randomSeed()) {
    this.secret = new SecretKey(context, seed);
    this.decryptor = new Decryptor(this.secret);
  }

  encrypted(level = 2): Ciphertext {
    const wave = (f: number) => Array.from({ length: parameters.maxSlots }, (_, i) => Math.sin(f * i));
    using plaintext = encoder.encode(wave(1), wave(2), { level });
    return encryptSymmetric(this.secret, plaintext).ciphertext;
  }

  /** Shares a fresh result. */
  share(options: Partial<ShareOptions>): SharedSlots {
    using ciphertext = this.encrypted(0);
    using decrypted = this.decryptor.decrypt(ciphertext);
    return decrypted.share({ errorBits, ...options });
  }

  /** The true coefficients. */
  get coefficients(): number[] {
    using work = new Slab(kernels, ring.n);
    ring.inverse(work.address(), this.secret.limb(), [0]);
    const p = BigInt(parameters.primeAt(0));
    return Array.from(work.wordsView(), (word) => Number(word > p / 2n ? word - p : word));
  }

  /** The same key, read again. */
  copy(): Owner {
    return new Owner(this.secret.exportBytes());
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
  }
}

/** Errors of fresh encryptions: each coefficient's deviation is 3.24, a slot's sqrt(N / 2) times that; 8 deviations. */
const errorBits = Math.log2((8 * 3.24 * Math.sqrt(ring.n / 2)) / parameters.scale);

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

describe('the Li-Micciancio attack', () => {
  it('finds the secret key in an exact decryption', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted();
    using decrypted = owner.decryptor.decrypt(ciphertext);
    expect(attack(ciphertext, decrypted.reveal())).toEqual(owner.coefficients);
  });

  it('finds it after a homomorphic computation too', () => {
    using owner = new Owner();
    using keys = new EvaluationKeys(context).addRelinearisation(new KeyGenerator(owner.secret).relinearisation());
    const evaluator = new Evaluator(context, keys);
    using a = owner.encrypted();
    using raw = evaluator.multiplyRaw(a, a);
    using product = evaluator.relineariseRescale(raw);
    using decrypted = owner.decryptor.decrypt(product);
    expect(attack(product, decrypted.reveal())).toEqual(owner.coefficients);
  });

  it('finds it where the noise added is too small', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted();
    using decrypted = owner.decryptor.decrypt(ciphertext);
    const shared = decrypted.share({ errorBits, floodingBits: -40, imaginary: true });
    expect(shared.securityBits).toBe(0);
    expect(attack(ciphertext, shared)).toEqual(owner.coefficients);
  });

  it('fails with flooding, and what is shared is still the result', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted();
    using decrypted = owner.decryptor.decrypt(ciphertext);
    const exact = decrypted.reveal();
    const shared = decrypted.share({ errorBits, imaginary: true });
    const found = attack(ciphertext, shared);
    const { coefficients } = owner;
    // Nothing of a ternary polynomial is left: values modulo a 50-bit prime, right by chance only.
    expect(found.filter((x, i) => x === coefficients[i]).length).toBeLessThan(3);
    expect(found.filter((x) => Math.abs(x) > 2 ** 40).length).toBeGreaterThan(0.9 * ring.n);
    const worst = Math.max(...shared.real.map((x, i) => Math.abs(x - exact.real[i]!)));
    expect(worst).toBeLessThan(6 * shared.deviation);
    expect(worst).toBeGreaterThan(shared.deviation);
    expect(shared.deviation).toBeLessThan(0.05);
  });
});
describe('share', () => {
  it('adds noise of the stated deviation and mean zero to every value', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted();
    using decrypted = owner.decryptor.decrypt(ciphertext);
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
    const share = (options: Partial<ShareOptions>) => {
      using owner = new Owner();
      return owner.share(options);
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
    using owner = new Owner();
    using ciphertext = owner.encrypted(0);
    using decrypted = owner.decryptor.decrypt(ciphertext);
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
    using owner = new Owner();
    using ciphertext = owner.encrypted(0);
    const decrypted = owner.decryptor.decrypt(ciphertext);
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

describe('row 8: what may be shared is counted by key', () => {
  it('one ciphertext is shared once, however often it is decrypted, copied or dropped to a lower level', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted();
    let answers = 0;
    for (let i = 0; i < 400; i++) {
      using copy = ciphertext.copy().dropTo(i % 3);
      using decrypted = new Decryptor(owner.secret).decrypt(copy);
      try {
        decrypted.share({ errorBits, shares: 400 });
        answers += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(OperandError);
        expect(`${error}`).toMatch(/shared already, and the mean of two answers/);
      }
    }
    expect(answers).toBe(1);
  });

  it('whichever decryptors, copies of the key and ciphertexts results come from', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 6 }), fc.constantFrom(10, 20)), { maxLength: 12 }),
        (shares, asked) => {
          using owner = new Owner();
          using twin = owner.copy();
          using other = twin.copy();
          const first = owner.share({ shares, securityBits: 10 });
          expect(first.sharesUsed).toBe(1);
          let used = 1;
          for (const [who, declared, securityBits] of asked) {
            const from = [owner, twin, other][who]!;
            if (declared !== shares) {
              expect(() => from.share({ shares: declared, securityBits })).toThrow(
                /shares is \d, but the first result/,
              );
            } else if (used === shares) {
              expect(() => from.share({ shares, securityBits })).toThrow(
                /all \d results of this key were shared already/,
              );
            } else {
              const shared = from.share({ shares, securityBits });
              used += 1;
              expect([shared.sharesUsed, shared.securityBits]).toEqual([used, 10]);
              expect(shared.deviation).toBeGreaterThan(floodingDeviation(2 ** errorBits, securityBits, 512, shares));
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('less security than the first result promised for all is refused', () => {
    using owner = new Owner();
    owner.share({ shares: 3, securityBits: 25 });
    expect(() => owner.share({ shares: 3, securityBits: 24 })).toThrow(/allows 24 bits .* promised 25/);
    expect(() => owner.share({ shares: 3, floodingBits: -40 })).toThrow(/promised 25/);
    expect(() => owner.share({ shares: 3, securityBits: 24.99 })).toThrow(/allows 24\.99\d* bits .* promised 25 /);
    expect(owner.share({ shares: 3, securityBits: 25 }).sharesUsed).toBe(2);
  });

  it('results of earlier processes count, and a smaller number does not bring any back', () => {
    using owner = new Owner();
    expect(owner.share({ shares: 5, sharesUsed: 3 }).sharesUsed).toBe(4);
    expect(owner.share({ shares: 5, sharesUsed: 0 }).sharesUsed).toBe(5);
    expect(() => owner.share({ shares: 5 })).toThrow(/all 5 results/);
    using late = new Owner();
    expect(() => late.share({ shares: 5, sharesUsed: 5 })).toThrow(/all 5 results/);
    for (const sharesUsed of [-1, 0.5, Number.NaN])
      expect(() => late.share({ shares: 5, sharesUsed })).toThrow(/sharesUsed must be a whole number/);
  });

  it('what was refused is not counted', () => {
    using owner = new Owner();
    using ciphertext = owner.encrypted(0);
    using decrypted = owner.decryptor.decrypt(ciphertext);
    expect(() => decrypted.share({ errorBits, securityBits: 50 })).toThrow(/would drown/);
    expect(() => decrypted.share({ errorBits, count: 0 })).toThrow(OperandError);
    expect(decrypted.share({ errorBits }).sharesUsed).toBe(1);
  });
});

describe('row 5: noise that would drown the values is refused', () => {
  const shareOf = (values: readonly number[], options: ShareOptions) => {
    using owner = new Owner();
    using plaintext = encoder.encode(values);
    using ciphertext = encryptSymmetric(owner.secret, plaintext).ciphertext;
    using decrypted = owner.decryptor.decrypt(ciphertext);
    return decrypted.share({ count: values.length, ...options });
  };

  it('ten logits at an error of 2^-12', () => {
    const logits = [3.1, -2.2, 0.4, 7.9, -1.5, 0, 2.6, -4.4, 1.1, 0.7];
    expect(() => shareOf(logits, { errorBits: -12 })).toThrow(OperandError);
    expect(() => shareOf(logits, { errorBits: -12 })).toThrow(
      /noise of deviation 89 would drown the values, which spread by 3\.1\d/,
    );
    expect(shareOf(logits, { errorBits: -30 }).deviation).toBeLessThan(0.001);
  });

  it('exactly where the deviation reaches the spread', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.double({ min: -6, max: 2, noNaN: true }),
        (values, floodingBits) => {
          const mean = values.length === 1 ? 0 : values.reduce((sum, x) => sum + x, 0) / values.length;
          const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
          const deviation = 2 ** floodingBits;
          fc.pre(Math.abs(Math.log2(deviation / spread)) > 0.01);
          const run = () => shareOf(values, { errorBits: -25, floodingBits });
          if (deviation > spread) expect(run).toThrow(/would drown the values/);
          else expect(run().real.length).toBe(values.length);
        },
      ),
    );
  });

  it('the table in docs/ckks.md is the formula', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/ckks.md'), 'utf8');
    const rows = [...text.matchAll(/^\| (\d+) \| 2\^-(\d+) \| ([\d.]+) \| 2\^-([\d.]+) \| ([\d.,e]+) \|$/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(6);
    for (const [, values, error, bits, distance, deviation] of rows) {
      const s = Number(bits);
      expect(s / 2 + Math.log2(48) / 2).toBeCloseTo(Number(distance), 1);
      const exact = floodingDeviation(2 ** -Number(error), s, Number(values));
      expect(Number(deviation!.replaceAll(',', '')) / exact).toBeCloseTo(1, 1);
    }
  });
});

// Encryption and decryption, what keys serve, and the same bits from every kernel build.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { KeyError } from '../../src/errors/index.ts';
import { galoisElement } from '../../src/ring/index.ts';
import { encryptPublic, encryptSymmetric, SecretKey } from '../../src/scheme/index.ts';
import { builds } from '../kernels/support.ts';
import { fixRandomness, Laboratory, randomSlots, smallLiteral, turned, wordsOf, worst } from './support.ts';

const close = 2 ** -26;
let lab: Laboratory;

beforeAll(async () => {
  lab = await Laboratory.create();
});
afterAll(() => lab[Symbol.dispose]());
afterEach(() => {
  vi.restoreAllMocks();
});

describe('encryption', () => {
  it.each([
    [0, 1024],
    [3, 1024],
    [5, 64],
    [5, 1],
  ])('with either key decrypts to the values: level %i, %i slots', (level, slots) => {
    const values = randomSlots(slots, level);
    using publicKey = lab.generator.publicKey();
    using plaintext = lab.encoder.encode(values.real, values.imag, { level, slots });
    for (const ct of [encryptSymmetric(lab.secret, plaintext).ciphertext, encryptPublic(publicKey, plaintext)]) {
      expect([ct.level, ct.slots, ct.scale, ct.size]).toEqual([level, slots, plaintext.scale, 2]);
      expect(worst(lab.open(ct), values)).toBeLessThan(close);
    }
  });

  it('is randomised: equal plaintexts give different ciphertexts, both halves of them', () => {
    using publicKey = lab.generator.publicKey();
    using plaintext = lab.encoder.encode([1]);
    for (const encrypt of [
      () => encryptSymmetric(lab.secret, plaintext).ciphertext,
      () => encryptPublic(publicKey, plaintext),
    ]) {
      using a = encrypt();
      using b = encrypt();
      const [wa, wb] = [wordsOf(a), wordsOf(b)];
      for (const half of [0, 1]) expect(wa[half]!.filter((w, i) => w === wb[half]![i]).length).toBeLessThan(4);
    }
  });

  it('means nothing under another key', () => {
    using other = new SecretKey(lab.context, new Uint8Array(32).fill(8));
    using plaintext = lab.encoder.encode(randomSlots(1024, 1).real);
    using ct = encryptSymmetric(other, plaintext).ciphertext;
    expect(worst(lab.decrypt(ct), { real: new Float64Array(1024), imag: new Float64Array(1024) })).toBeGreaterThan(
      2 ** 20,
    );
  });

  it('the seed of a fresh ciphertext expands to its uniform half at every level', () => {
    using plaintext = lab.encoder.encode([1], undefined, { level: 2 });
    const { ciphertext, seed } = encryptSymmetric(lab.secret, plaintext);
    using ct = ciphertext;
    expect(seed.length).toBe(32);
    const words = wordsOf(ct)[1]!;
    // Uniform modulo each prime: the mean of 2048 residues is p/2 within 6 deviations.
    for (const [j, p] of lab.parameters.primes.slice(0, 3).entries()) {
      const limb = words.slice(j * 2048, (j + 1) * 2048);
      const mean = limb.reduce((sum, w) => sum + Number(w) / p, 0) / 2048;
      expect(Math.abs(mean - 0.5)).toBeLessThan(6 / Math.sqrt(12 * 2048));
    }
  });
});

describe('keys know their level', () => {
  it('a key of level 3 serves 3 and below, not 4', () => {
    lab.keys.addGalois(lab.generator.rotation(1, 3)).addRelinearisation(lab.generator.relinearisation(3));
    const values = randomSlots(1024, 2);
    for (const level of [0, 1, 2, 3]) {
      using x = lab.encrypt(values, { level });
      expect(worst(lab.open(lab.evaluator.rotate(x, 1)), turned(values, 1))).toBeLessThan(close);
    }
    using high = lab.encrypt(values, { level: 4 });
    expect(() => lab.evaluator.rotate(high, 1)).toThrow(KeyError);
    expect(() => lab.evaluator.rotate(high, 1)).toThrow(
      /rotation by 1 at level 4 \(the highest there is serves level 3\)/,
    );
    expect(() => lab.evaluator.multiply(high, high)).toThrow(/relinearisation key at level 4/);
  });

  it('the smallest key that serves is taken, and no key is added twice', () => {
    const galois = galoisElement(2, lab.parameters.logN);
    for (const level of [5, 1, 3]) lab.keys.addGalois(lab.generator.galois({ galois, level }));
    const taken = [0, 1, 2, 3, 4, 5].map((level) => lab.keys.galois(galois, level, 'a rotation by 2').level);
    expect(taken).toEqual([1, 1, 3, 3, 5, 5]);
    using again = lab.generator.galois({ galois, level: 3 });
    expect(() => lab.keys.addGalois(again)).toThrow(/already is a key/);
  });

  it('a lower key is smaller', () => {
    using low = lab.generator.rotation(4, 1);
    using high = lab.generator.rotation(4, 5);
    // Two limbs and one special prime for one digit, against six and two for three digits of two.
    expect(high.gadget.digitSizes.reduce((sum, size) => sum + size, 0)).toBe(6);
    expect(low.bytes).toBe(8 * 2048 * 2 * low.gadget.digitSizes.length * (2 + low.gadget.special));
    expect(low.bytes).toBeLessThan(high.bytes / 2);
  });
});

it('every kernel build gives the same ciphertexts from the same seeds', async () => {
  const values = randomSlots(256, 3);
  const results = new Map<string, BigUint64Array[]>();
  for (const build of builds) {
    fixRandomness('builds');
    using other = (await Laboratory.create({ ...smallLiteral, logN: 9 }, build)).withKeys([1, 2]);
    using publicKey = other.generator.publicKey();
    using plaintext = other.encoder.encode(values.real, values.imag);
    using a = encryptSymmetric(other.secret, plaintext).ciphertext;
    using b = encryptPublic(publicKey, plaintext);
    using product = other.evaluator.multiply(a, b);
    using moved = other.evaluator.rotate(product, 1);
    const [hoisted] = other.evaluator.rotateHoisted(moved, [2]);
    using last = hoisted!;
    results.set(build, [a, b, product, moved, last].flatMap(wordsOf));
    vi.restoreAllMocks();
  }
  const [first, ...others] = results;
  for (const [build, words] of others) expect(words, `${build} against ${first![0]}`).toEqual(first![1]);
});

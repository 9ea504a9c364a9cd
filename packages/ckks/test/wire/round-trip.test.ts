import { afterAll, describe, expect, it } from 'vitest';
import {
  Context,
  ciphertextFromWire,
  ciphertextToWire,
  Encoder,
  Evaluator,
  encryptPublic,
  inspectWire,
  KeyGenerator,
  parametersFromWire,
  parametersToWire,
  plaintextFromWire,
  plaintextToWire,
  publicKeyFromWire,
  publicKeyToWire,
  SecretKey,
  secretKeyFromWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
  wireBytes,
} from '../../src/index.ts';
import { decryptToPlaintext } from '../../src/scheme/index.ts';
import { chunksOf, encryptedRamp, kernels, sameKey, sameSlab, secretOf, small, tiny } from './support.ts';

/** What the other side has: a context of its own for the same parameters. */
const other = new Context(
  await parametersFromWire(await wireBytes(parametersToWire(small.parameters)), { insecure: true }),
  kernels,
  { insecure: true },
);
const secret = secretOf(small);
const generator = new KeyGenerator(secret);
afterAll(() => secret[Symbol.dispose]());

describe('round trips', () => {
  it('parameters', async () => {
    for (const { parameters } of [tiny, small]) {
      const object = parametersToWire(parameters);
      const bytes = await wireBytes(object);
      expect(bytes.length).toBe(object.bytes);
      const back = await parametersFromWire(bytes, { insecure: true });
      expect(back.digest).toBe(parameters.digest);
      expect(back.literal).toEqual(parameters.literal);
    }
  });

  it('secret key: its 32 bytes alone, and the same key from them, in either version', async () => {
    using derived = SecretKey.fromMaster(small, new Uint8Array(32).fill(3));
    for (const [version, key] of [[1, secret], [2, derived]] as const) {
      const bytes = await wireBytes(secretKeyToWire(key));
      expect(bytes.length).toBe(56 + 32 + 32);
      expect(bytes[8]).toBe(version);
      using back = await secretKeyFromWire(other, bytes);
      expect([back.version, back.id]).toEqual([version, key.id]);
      const limbs = small.ring.primes.length * small.ring.n;
      expect(Buffer.compare(kernels.view(back.limb(), 8 * limbs), kernels.view(key.limb(), 8 * limbs))).toBe(0);
    }
  }); // biome-ignore format: pairs

  it('public key: encrypts on the other side', async () => {
    using key = generator.publicKey();
    const bytes = await wireBytes(publicKeyToWire(key));
    using back = await publicKeyFromWire(other, chunksOf(bytes, 1000));
    sameSlab(key.slab, back.slab);
    using plaintext = new Encoder(other).encode([0.25, -0.5]);
    using ciphertext = encryptPublic(back, plaintext);
    using decrypted = decryptToPlaintext(
      secret,
      await ciphertextFromWire(small, await wireBytes(ciphertextToWire(ciphertext))),
    );
    const { real } = new Encoder(small).decode(decrypted);
    expect(real[0]).toBeCloseTo(0.25, 6);
    expect(real[1]).toBeCloseTo(-0.5, 6);
  });

  it('switching keys of every level, in chunks of any size', async () => {
    for (let level = 0; level <= small.parameters.maxLevel; level++) {
      using key = generator.rotation(3, level);
      const object = switchingKeyToWire(key);
      const bytes = await wireBytes(object);
      expect(bytes.length).toBe(object.bytes);
      // Half of the polynomials, at 40 to 50 bits of 64.
      expect(bytes.length).toBeLessThan(0.4 * key.bytes + 400);
      for (const size of [1 + level * 997, bytes.length]) {
        using back = await switchingKeyFromWire(other, chunksOf(bytes, size));
        sameKey(key, back);
      }
    }
  });

  it('plaintexts and ciphertexts: levels, scales, slots, two and three polynomials', async () => {
    const encoder = new Encoder(small);
    for (const [level, scale, slots] of [
      [4, 2 ** 40, 512],
      [0, 2 ** 30, 4],
      [2, 1.5 * 2 ** 39, 1],
    ] as const) {
      using plaintext = encoder.encode([0.125], [0.5], { level, scale, slots });
      const bytes = await wireBytes(plaintextToWire(plaintext));
      using back = await plaintextFromWire(other, bytes);
      expect([back.level, back.scale, back.slots]).toEqual([level, scale, slots]);
      sameSlab(plaintext.slab, back.slab);
    }
    const { ciphertext, seed } = encryptedRamp(secret);
    using fresh = await ciphertextFromWire(other, await wireBytes(ciphertextToWire({ ciphertext, seed })));
    sameSlab(ciphertext.slab, fresh.slab);
    using product = new Evaluator(small).multiplyRaw(ciphertext, ciphertext);
    expect(product.size).toBe(3);
    using back = await ciphertextFromWire(other, await wireBytes(ciphertextToWire(product)));
    expect([back.size, back.scale, back.level]).toEqual([3, product.scale, product.level]);
    sameSlab(product.slab, back.slab);
    ciphertext[Symbol.dispose]();
  });

  it('a ciphertext whose levels were dropped sends only what is left', async () => {
    const { ciphertext, seed, values } = encryptedRamp(secret);
    const full = ciphertextToWire(ciphertext).bytes;
    ciphertext.dropTo(1);
    const bytes = await wireBytes(ciphertextToWire(ciphertext));
    expect(bytes.length).toBeLessThan(0.45 * full);
    for (const wire of [bytes, await wireBytes(ciphertextToWire({ ciphertext, seed }))]) {
      using back = await ciphertextFromWire(other, wire);
      using decrypted = decryptToPlaintext(
        secret,
        await ciphertextFromWire(small, await wireBytes(ciphertextToWire(back))),
      );
      expect(new Encoder(small).decode(decrypted).real[0]).toBeCloseTo(values[0]!, 6);
    }
    ciphertext[Symbol.dispose]();
  });

  it('the same object gives the same bytes', async () => {
    using key = generator.conjugation(2);
    const first = await wireBytes(switchingKeyToWire(key));
    using back = await switchingKeyFromWire(other, first);
    expect(Buffer.compare(await wireBytes(switchingKeyToWire(back)), first)).toBe(0);
  });

  it('names an object without its parameters', async () => {
    using key = generator.publicKey();
    const summary = await inspectWire(publicKeyToWire(key));
    expect(summary).toMatchObject({ kind: 'publicKey', digest: small.parameters.digest });
    expect(summary.id).toMatch(/^[0-9a-f]{64}$/);
  });

  it('reads web streams, with and without iteration', async () => {
    using key = generator.conjugation(0);
    const bytes = await wireBytes(switchingKeyToWire(key));
    using whole = await switchingKeyFromWire(other, new Blob([bytes]).stream());
    sameKey(key, whole);
    const stream = new Blob([bytes]).stream();
    using bare = await switchingKeyFromWire(other, { getReader: () => stream.getReader() });
    sameKey(key, bare);
  });
});

describe('what is never written', () => {
  it('a decrypted plaintext, a sparse secret, a seed that no longer fits', async () => {
    const { ciphertext, seed } = encryptedRamp(secret);
    using decrypted = decryptToPlaintext(secret, ciphertext);
    expect(() => plaintextToWire(decrypted)).toThrow(/reveals the secret key/);
    expect(() => JSON.stringify({ decrypted })).toThrow(/cannot become JSON/);
    using sparse = new SecretKey(small, new Uint8Array(32), 8);
    expect(() => secretKeyToWire(sparse)).toThrow(/never written/);
    const evaluator = new Evaluator(small);
    using doubled = evaluator.add(ciphertext, ciphertext);
    expect(() => ciphertextToWire({ ciphertext: doubled, seed })).toThrow(/changed since it was encrypted/);
    ciphertext[Symbol.dispose]();
  });
});

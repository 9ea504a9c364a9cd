import { afterAll, describe, expect, it } from 'vitest';
import {
  bootstrapKeysFromWire,
  bootstrapKeysToWire,
  Context,
  ciphertextFromWire,
  ciphertextToWire,
  Encoder,
  Evaluator,
  encryptPublic,
  evaluationKeysFromWire,
  evaluationKeysToWire,
  inspectWire,
  KeyGenerator,
  keySetWireBytes,
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
import {
  bootstrapKeys,
  encryptedRamp,
  evaluationKeys,
  kernels,
  piecesOf,
  sameKey,
  sameSlab,
  secretOf,
  small,
  tiny,
} from './support.ts';

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

  it('secret key: its seed alone, and the same key from it', async () => {
    const bytes = await wireBytes(secretKeyToWire(secret));
    expect(bytes.length).toBe(56 + 32 + 32);
    using back = await secretKeyFromWire(other, bytes);
    const limbs = small.ring.primes.length * small.ring.n;
    expect(Buffer.compare(kernels.view(back.limb(), 8 * limbs), kernels.view(secret.limb(), 8 * limbs))).toBe(0);
  });

  it('public key: encrypts on the other side', async () => {
    using key = generator.publicKey();
    const bytes = await wireBytes(publicKeyToWire(key));
    using back = await publicKeyFromWire(other, piecesOf(bytes, 1000));
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

  it('switching keys of every level, in pieces of any size', async () => {
    for (let level = 0; level <= small.parameters.maxLevel; level++) {
      using key = generator.rotation(3, level);
      const object = switchingKeyToWire(key);
      const bytes = await wireBytes(object);
      expect(bytes.length).toBe(object.bytes);
      // Half of the polynomials, at 40 to 50 bits of 64.
      expect(bytes.length).toBeLessThan(0.4 * key.bytes + 400);
      for (const size of [1 + level * 997, bytes.length]) {
        using back = await switchingKeyFromWire(other, piecesOf(bytes, size));
        sameKey(key, back);
      }
    }
  });

  it('a set of evaluation keys, used on the other side', async () => {
    using keys = evaluationKeys(secret);
    const object = evaluationKeysToWire(keys);
    const bytes = await wireBytes(object);
    expect(bytes.length).toBe(object.bytes);
    expect(keySetWireBytes(small.parameters, keys.all())).toBe(object.bytes);
    const steps: string[] = [];
    using back = await evaluationKeysFromWire(other, bytes, {
      progress: (done, total) => steps.push(`${done}/${total}`),
    });
    expect(steps).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    const [before, after] = [[...keys.all()], [...back.all()]];
    expect(after.length).toBe(before.length);
    for (const [i, key] of before.entries()) sameKey(key, after[i]!);

    const { ciphertext, values } = encryptedRamp(secret);
    using sent = await ciphertextFromWire(other, await wireBytes(ciphertextToWire(ciphertext)));
    using rotated = new Evaluator(other, back).rotate(sent, 1);
    using returned = await ciphertextFromWire(small, await wireBytes(ciphertextToWire(rotated)));
    using decrypted = decryptToPlaintext(secret, returned);
    const { real } = new Encoder(small).decode(decrypted);
    expect(Math.max(...real.map((x, i) => Math.abs(x - values[(i + 1) % values.length]!)))).toBeLessThan(1e-6);
    ciphertext[Symbol.dispose]();
  });

  it('a set of bootstrap keys', async () => {
    const made = bootstrapKeys();
    const { keys, context } = made;
    const object = bootstrapKeysToWire(keys);
    using back = await bootstrapKeysFromWire(context, object);
    sameKey(keys.toSparse, back.toSparse);
    sameKey(keys.toDense, back.toDense);
    const after = [...back.evaluation.all()];
    for (const [i, key] of [...keys.evaluation.all()].entries()) sameKey(key, after[i]!);
    const shapes = [...keys.evaluation.all(), keys.toSparse, keys.toDense];
    expect(object.bytes).toBe(keySetWireBytes(context.parameters, shapes));
    for (const owned of [keys, made.secret, context]) owned[Symbol.dispose]();
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

// Row 12: what is published is no output of the generator, whose neighbouring outputs are secret.
import { sha256 } from '@noble/hashes/sha2.js';
import { afterEach, expect, it, vi } from 'vitest';
import {
  ciphertextToWire,
  KeyGenerator,
  publicKeyToWire,
  publicSeed,
  SecretKey,
  secretKeyToWire,
  switchingKeyToWire,
  type WireObject,
  wireBytes,
} from '../../src/index.ts';
import { encryptedRamp, tiny } from './support.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Records every output of the platform's generator from here on. */
function recordOutputs(): Buffer[] {
  const outputs: Buffer[] = [];
  const original = crypto.getRandomValues.bind(crypto);
  vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation((array) => {
    original(array);
    outputs.push(Buffer.from(array as unknown as Uint8Array));
    return array;
  });
  return outputs;
}

const hashed = (output: Uint8Array) =>
  Buffer.from(sha256(Buffer.concat([Buffer.from('cipherformer public seed'), output])));

it('row 12: nothing that is written contains an output of the generator, but the secret key itself', async () => {
  const outputs = recordOutputs();
  const seed = crypto.getRandomValues(new Uint8Array(32));
  using secret = new SecretKey(tiny, seed);
  const generator = new KeyGenerator(secret);
  using publicKey = generator.publicKey();
  using relinearisation = generator.relinearisation();
  using rotation = generator.rotation(1);
  using conjugation = generator.conjugation(1);
  using toItself = generator.switchTo(secret, 1, tiny.parameters.gadget(1));
  const fresh = encryptedRamp(secret, 1);
  using ciphertext = fresh.ciphertext;
  const keys = [relinearisation, rotation, conjugation, toItself];
  const objects: WireObject[] = [
    publicKeyToWire(publicKey),
    ...keys.map(switchingKeyToWire),
    ciphertextToWire(fresh),
    ciphertextToWire(ciphertext),
  ];
  // A seed and at least one secret one for each key and ciphertext.
  expect(outputs.length).toBeGreaterThan(2 * (1 + keys.length));
  for (const object of objects) {
    const bytes = Buffer.from(await wireBytes(object));
    for (const output of outputs) expect(bytes.includes(output), object.kind).toBe(false);
  }
  // The secret key is one, which shows that the search finds what is there.
  expect(Buffer.from(await wireBytes(secretKeyToWire(secret))).includes(outputs[0]!)).toBe(true);
  // Every published seed is the hash of one, under its own name, and no two are the same.
  const known = new Set(outputs.map((output) => hashed(output).toString('hex')));
  const seeds = [publicKey.seed, fresh.seed, ...keys.flatMap((key) => key.seeds)];
  const published = seeds.map((of) => Buffer.from(of).toString('hex'));
  for (const each of published) expect(known).toContain(each);
  expect(new Set(published).size).toBe(published.length);
});

it('row 12: publicSeed draws 32 bytes each time', () => {
  const outputs = recordOutputs();
  const seeds = Array.from({ length: 10 }, () => Buffer.from(publicSeed()));
  expect(outputs.map((output) => output.length)).toEqual(Array(10).fill(32));
  expect(seeds).toEqual(outputs.map(hashed));
});

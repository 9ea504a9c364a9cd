// Row 7: what writing, reading, encoding and decoding leave behind in memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ciphertextFromWire,
  Decryptor,
  Encoder,
  encryptPublic,
  encryptSymmetric,
  inspectWire,
  KeyGenerator,
  KeyPartMaker,
  randomSeed,
  SecretKey,
  Slab,
  secretKeyFromWire,
  secretKeyToWire,
  wireBytes,
} from '../../src/index.ts';
import { readSecretKey, readWireFile, writeSecretKey } from '../../src/wire/files.ts';
import { canScan, occurrences, secretByte } from './process-memory.ts';
import { failure, small, tiny } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));

function keyOf(tag: number, version: 1 | 2 = 1): SecretKey {
  const bytes = new Uint8Array(new ArrayBuffer(32));
  for (let i = 0; i < bytes.length; i++) bytes[i] = secretByte(tag, i);
  try {
    return version === 1 ? new SecretKey(tiny, bytes) : SecretKey.fromMaster(tiny, bytes);
  } finally {
    bytes.fill(0);
  }
}

describe.runIf(canScan)('row 7: the seed or master of a secret key', () => {
  const path = (tag: number) => join(directory, `${tag}.key`);
  /** What is done with a key and its file. Nothing of its 32 bytes may be left when the key was disposed of. */
  const uses: Record<string, (key: SecretKey, tag: number) => Promise<unknown>> = {
    'is written and read': async (key, tag) => {
      await writeSecretKey(path(tag), key);
      (await readSecretKey(path(tag), tiny))[Symbol.dispose]();
    },
    'is written where it cannot be': (key) => failure(writeSecretKey(join(directory, 'no', 'such', 'place'), key)),
    'is never written although it could be': async (key) => secretKeyToWire(key),
    'is written as one array, which its owner erases': async (key) => (await wireBytes(secretKeyToWire(key))).fill(0),
    'is written by a writer that stops after the first frame': async (key) => {
      for await (const _ of secretKeyToWire(key)) break;
    },
    'is read in small chunks': async (key, tag) => {
      await writeSecretKey(path(tag), key);
      async function* bytewise() {
        for await (const chunk of readWireFile(path(tag)))
          for (let at = 0; at < chunk.length; at++) yield chunk.subarray(at, at + 1);
      }
      (await secretKeyFromWire(tiny, bytewise()))[Symbol.dispose]();
    },
    'is read for other parameters': async (key, tag) => {
      await writeSecretKey(path(tag), key);
      await failure(readSecretKey(path(tag), small));
    },
    'is read as something else': async (key, tag) => {
      await writeSecretKey(path(tag), key);
      await failure(ciphertextFromWire(tiny, readWireFile(path(tag))));
    },
    'is only inspected': async (key, tag) => {
      await writeSecretKey(path(tag), key);
      await inspectWire(readWireFile(path(tag)));
    },
    'is read from a damaged or longer file': async (key) => {
      const bytes = await wireBytes(secretKeyToWire(key));
      await failure(secretKeyFromWire(tiny, [bytes, bytes.subarray(0, 1)]));
      await failure(secretKeyFromWire(tiny, bytes.subarray(0, bytes.length - 1)));
      bytes[bytes.length - 1]! ^= 1;
      await failure(secretKeyFromWire(tiny, bytes));
      bytes.fill(0);
    },
    'makes evaluation keys': async (key) => {
      if (key.version === 1) return;
      using maker = new KeyPartMaker(key, [{ role: 'relinearisation', galois: 1, level: 1, special: 1 }]);
      for (const part of maker.parts) maker.make(part);
    },
    'is asked for its name': async (key) => key.id,
  };

  it('is found where it is, so that the tests below can fail', () => {
    using key = keyOf(1);
    expect(occurrences([1])[0]).toBe(1);
    const copy = key.exportBytes();
    expect(occurrences([1])[0]).toBe(2);
    const numbers = Array<number>(copy.length).fill(0);
    for (const [i, byte] of copy.entries()) numbers[i] = byte;
    copy.fill(0);
    expect(occurrences([1])[0]).toBeGreaterThan(1);
    numbers.fill(0);
  });

  it.each([1, 2] as const)('is in no memory of the process any more when it (version %i)', async (version) => {
    const names = Object.keys(uses);
    const tags = names.map((_, i) => 100 * version + i);
    for (const [i, name] of names.entries()) {
      using key = keyOf(tags[i]!, version);
      await uses[name]!(key, tags[i]!);
    }
    const left = occurrences(tags);
    expect(Object.fromEntries(names.map((name, i) => [name, left[i]]))).toEqual(
      Object.fromEntries(names.map((name) => [name, 0])),
    );
  });
});

describe('row 7: memory that is handed out again', () => {
  const { kernels, parameters } = small;
  const encoder = new Encoder(small);
  const values = Array.from({ length: parameters.maxSlots }, (_, i) => 1 + i / parameters.maxSlots);
  let secret: SecretKey;
  beforeAll(() => {
    secret = new SecretKey(small, randomSeed());
  });
  afterAll(() => secret[Symbol.dispose]());

  /** Every slab that is kept for reuse. */
  function keptSlabs(): Slab[] {
    const kept: Slab[] = [];
    const fresh: Slab[] = [];
    // A slab serves requests that are a little smaller than itself.
    for (let words = 8; kernels.memory().cachedBytes > 0 && words < 2 ** 22; words = Math.ceil(words * 1.1)) {
      let before = kernels.memory().cachedBytes;
      let slab = new Slab(kernels, words);
      for (; kernels.memory().cachedBytes < before; slab = new Slab(kernels, words)) {
        kept.push(slab);
        before = kernels.memory().cachedBytes;
      }
      fresh.push(slab);
    }
    for (const slab of fresh) slab.release();
    kernels.trim();
    return kept;
  }

  // One limb; three; and values that are decoded by division, as they are beyond three.
  it.each([
    [0, 2 ** 30],
    [2, 2 ** 60],
    [4, 2 ** 150],
  ])('holds nothing of what was decrypted and revealed at level %i, scale %d', (level, scale) => {
    using plaintext = encoder.encode(values, values, { level, scale });
    using ciphertext = encryptSymmetric(secret, plaintext).ciphertext;
    kernels.trim();
    {
      using decrypted = new Decryptor(secret).decrypt(ciphertext);
      expect(decrypted.reveal().real[1]).toBeCloseTo(values[1]!, 2);
    }
    const kept = keptSlabs();
    // The plaintext, the slots, the kernel's residues.
    expect(kept.length).toBeGreaterThan(2);
    for (const slab of kept) expect(slab.wordsView().every((word) => word === 0n)).toBe(true);
    for (const slab of kept) slab.release();
  });

  it('is erased before, whatever held a message or a part of a key', () => {
    const release = kernels.release.bind(kernels);
    let slabs = 0;
    const dirty: string[] = [];
    let step = '';
    kernels.release = (address, bytes) => {
      slabs += 1;
      // Released memory is kept for reuse, so that the view still reads it.
      const memory = kernels.view(address, bytes);
      release(address, bytes);
      if (memory.some((byte) => byte !== 0)) dirty.push(step);
    };
    const kept: Disposable[] = [];
    try {
      for (const level of [0, 2, parameters.maxLevel]) {
        const run = <T>(name: string, action: () => T): T => {
          step = `${name} at level ${level}`;
          return action();
        };
        const plaintext = run('encode', () => encoder.encode(values, values, { level, scale: 2 ** 30 }));
        run('encode what does not fit', () => expect(() => encoder.encode([2 ** 200])).toThrow());
        const { ciphertext } = run('encryptSymmetric', () => encryptSymmetric(secret, plaintext));
        const generator = new KeyGenerator(secret);
        const publicKey = run('publicKey', () => generator.publicKey());
        const other = run('encryptPublic', () => encryptPublic(publicKey, plaintext));
        kept.push(ciphertext, other, publicKey);
        kept.push(run('rotation', () => generator.rotation(1, level)));
        kept.push(run('relinearisation', () => generator.relinearisation(level)));
        run('decode', () => encoder.decode(plaintext));
        run('dispose of a plaintext', () => plaintext[Symbol.dispose]());
        const decrypted = run('decrypt', () => new Decryptor(secret).decrypt(ciphertext));
        run('reveal', () => decrypted.reveal());
        run('dispose of a result', () => decrypted[Symbol.dispose]());
        run('dispose of a key', () => new SecretKey(small, randomSeed())[Symbol.dispose]());
      }
    } finally {
      kernels.release = release;
      for (const owned of kept) owned[Symbol.dispose]();
    }
    expect(slabs).toBeGreaterThan(50);
    expect(dirty).toEqual([]);
  });
});

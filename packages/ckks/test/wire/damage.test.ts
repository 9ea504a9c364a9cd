// Bytes that are not what they claim to be: every reader answers with a typed error, in bounded time and memory.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CkksError,
  type Context,
  ciphertextFromWire,
  ciphertextToWire,
  Encoder,
  inspectWire,
  KeyGenerator,
  ParameterError,
  parametersFromWire,
  parametersToWire,
  plaintextFromWire,
  plaintextToWire,
  publicKeyFromWire,
  publicKeyToWire,
  secretKeyFromWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
  WireError,
  type WireSource,
  wireBytes,
} from '../../src/index.ts';
import { encryptedRamp, failure, flipped, kernels, parts, resealed, secretOf, small, tiny } from './support.ts';

type Read = (context: Context, source: WireSource) => Promise<unknown>;
const readers = {
  parameters: (_, source) => parametersFromWire(source, { insecure: true }),
  secretKey: secretKeyFromWire,
  publicKey: publicKeyFromWire,
  switchingKey: switchingKeyFromWire,
  plaintext: plaintextFromWire,
  ciphertext: ciphertextFromWire,
  seeded: ciphertextFromWire,
} satisfies Record<string, Read>;
type Name = keyof typeof readers;
const names = Object.keys(readers) as Name[];

const bytes = {} as Record<Name, Uint8Array>;
let slabsBefore = 0;

beforeAll(async () => {
  using secret = secretOf(tiny);
  const generator = new KeyGenerator(secret);
  using publicKey = generator.publicKey();
  using rotation = generator.rotation(1, 2);
  using plaintext = new Encoder(tiny).encode([0.5, -0.25], undefined, { level: 1 });
  const { ciphertext, seed } = encryptedRamp(secret, 1);
  bytes.parameters = await wireBytes(parametersToWire(tiny.parameters));
  bytes.secretKey = await wireBytes(secretKeyToWire(secret));
  bytes.publicKey = await wireBytes(publicKeyToWire(publicKey));
  bytes.switchingKey = await wireBytes(switchingKeyToWire(rotation));
  bytes.plaintext = await wireBytes(plaintextToWire(plaintext));
  bytes.ciphertext = await wireBytes(ciphertextToWire(ciphertext));
  bytes.seeded = await wireBytes(ciphertextToWire({ ciphertext, seed }));
  ciphertext[Symbol.dispose]();
  slabsBefore = kernels.memory().slabs;
});

// No failed read may keep memory. A hook of its own: the first one still held what it made.
beforeAll(() => {
  slabsBefore = kernels.memory().slabs;
});
afterAll(() => expect(kernels.memory().slabs).toBe(slabsBefore));

const read = (name: Name, data: WireSource) => failure(readers[name](tiny, data));

describe('damage', () => {
  it.each(names)('%s: cut at every byte', async (name) => {
    const whole = bytes[name];
    for (let length = 0; length < whole.length; length++)
      expect(await read(name, whole.subarray(0, length))).toBeInstanceOf(WireError);
    expect((await read(name, whole.subarray(0, whole.length - 1))).message).toMatch(/incomplete/);
  });

  it.each(names)('%s: a byte too many', async (name) => {
    const error = await read(name, [bytes[name], new Uint8Array(1)]);
    expect(error.message).toMatch(/more bytes after the end/);
  });

  it.each(names)('%s: flipped bits, all in the header and many in the rest', async (name) => {
    const whole = bytes[name];
    const bits = 8 * whole.length;
    const header = 8 * Math.min(whole.length, 140);
    for (let bit = 0; bit < header; bit++) expect(await read(name, flipped(whole, bit))).toBeInstanceOf(WireError);
    for (let bit = header; bit < bits; bit += 1 + (bit % 61))
      expect(await read(name, flipped(whole, bit))).toBeInstanceOf(WireError);
  });

  it.each(names)('%s: any description with right checksums gives a typed error or an object', async (name) => {
    const whole = bytes[name];
    const [from, to] = parts(whole).description;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(to - from - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const changed = whole.slice();
          for (const [at, byte] of changes) changed[from + at] = byte;
          try {
            const value = (await readers[name](tiny, await resealed(changed))) as Partial<Disposable>;
            value[Symbol.dispose]?.();
          } catch (error) {
            expect(error).toBeInstanceOf(CkksError);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(['publicKey', 'switchingKey', 'plaintext', 'ciphertext', 'seeded'] as const)(
    '%s: residues that are not below their prime, with right checksums',
    async (name) => {
      const changed = bytes[name].slice();
      const { from, length } = parts(changed).frames.at(-1)!;
      changed.fill(0xff, from + length - 7, from + length);
      const error = await read(name, await resealed(changed));
      expect(error).toBeInstanceOf(WireError);
      expect(error.message).toMatch(/residue 3[01] of limb \d+ is not below its prime/);
    },
  );

  it('absurd lengths are refused before anything is allocated', async () => {
    const patch = (name: Name, at: number, values: readonly number[]) => {
      const changed = bytes[name].slice();
      changed.set(values, at);
      return changed;
    };
    const peak = kernels.memory().peakBytes;
    expect((await read('ciphertext', patch('ciphertext', 12, [255, 255, 255, 255]))).message).toMatch(
      /claims 4294967295 bytes/,
    );
    const body = await resealed(patch('ciphertext', 16, [255, 255, 255, 255, 255, 255, 255, 127]));
    expect((await read('ciphertext', body)).message).toMatch(/claims \d+ bytes of residues/);
    const { frames } = parts(bytes.switchingKey);
    for (const values of [
      [255, 255, 255, 255],
      [0, 0, 0, 0],
    ])
      expect((await read('switchingKey', patch('switchingKey', frames[0]!.from - 8, values))).message).toMatch(
        /claims \d+ bytes/,
      );
    expect(kernels.memory().peakBytes).toBeLessThan(peak + 2 ** 20);
  });

  it('parts out of order or of another object', async () => {
    // Two frames: a ciphertext of more than 8 MiB would take long, so the index is changed instead.
    const changed = bytes.ciphertext.slice();
    const { frames } = parts(changed);
    changed[frames[0]!.from - 4] = 1;
    expect((await read('ciphertext', await resealed(changed))).message).toMatch(/out of order/);
    using secret = secretOf(tiny);
    const twin = encryptedRamp(secret, 1);
    const other = await wireBytes(ciphertextToWire(twin));
    twin.ciphertext[Symbol.dispose]();
    const start = parts(other).description[1] + 32;
    const mixed = Buffer.concat([bytes.seeded.subarray(0, start), other.subarray(start)]);
    expect((await read('seeded', mixed)).message).toMatch(/wrong checksum/);
  });
});

describe('the wrong object', () => {
  it('of another kind, for other parameters, of another version, or nothing of ours', async () => {
    expect((await read('publicKey', bytes.ciphertext)).message).toMatch(
      /expected a public key, but this is a ciphertext/,
    );
    expect((await failure(ciphertextFromWire(small, bytes.ciphertext))).message).toMatch(
      /made for parameters [0-9a-f]{12}, this context has/,
    );
    const later = bytes.ciphertext.slice();
    later[8] = 9;
    expect((await read('ciphertext', later)).message).toMatch(/format version 9, this release reads 1: update/);
    const error = await read('ciphertext', new TextEncoder().encode('{"not": "ours"}'));
    expect(error.message).toMatch(/not a Cipherformer object: it starts with 7b22/);
    expect((await read('ciphertext', new Uint8Array(0))).message).toMatch(/end after 0 bytes/);
    expect((await failure(inspectWire(new Uint8Array(3)))).message).toMatch(/end after 3 bytes/);
  });

  it('row 10: insecure parameters are refused unless the caller accepts them, whatever their bytes say', async () => {
    expect(await failure(parametersFromWire(bytes.parameters))).toBeInstanceOf(ParameterError);
    const [from] = parts(bytes.parameters).description;
    for (const reserved of [1, 2, 255]) {
      const saying = bytes.parameters.slice();
      expect(saying[from + 2]).toBe(0);
      saying[from + 2] = reserved;
      const sealed = await resealed(saying);
      for (const options of [{}, { insecure: true }]) {
        const error = await failure(parametersFromWire(sealed, options));
        expect([error.name, error.message]).toEqual(['WireError', expect.stringContaining(`have ${reserved} in a byte that has to be 0`)]); // biome-ignore format: short
      }
    }
  });

  it('row 9: parameters of any bytes, checksums right, are legal or refused with an error of ours', async () => {
    const [from, to] = parts(bytes.parameters).description;
    const original = [...bytes.parameters.subarray(from, to)];
    const description = fc.oneof(
      fc.array(fc.nat(255), { minLength: original.length, maxLength: original.length }),
      fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((changes) => {
        const copy = [...original];
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      }),
    );
    await fc.assert(
      fc.asyncProperty(description, async (fields) => {
        const changed = bytes.parameters.slice();
        changed.set(fields, from);
        const sealed = await resealed(changed);
        if (fields.every((byte, i) => byte === original[i])) return;
        const error = await failure(parametersFromWire(sealed, { insecure: true }));
        expect(['WireError', 'ParameterError']).toContain(error.name);
      }),
      { numRuns: 2000, seed: 9 },
    );
  });

  it('a source that does not yield bytes', async () => {
    const source = ['text'] as unknown as Iterable<Uint8Array>;
    expect((await failure(inspectWire(source))).message).toMatch(/must yield Uint8Array/);
  });

  it('a source that fails passes its own error on, and is closed', async () => {
    let closed = false;
    async function* failing() {
      try {
        yield bytes.ciphertext.subarray(0, 60);
        throw new RangeError('the connection broke');
      } finally {
        closed = true;
      }
    }
    await expect(ciphertextFromWire(tiny, failing())).rejects.toThrow(RangeError);
    expect(closed).toBe(true);
  });

  it('a longer source is not read to its end', async () => {
    let chunks = 0;
    function* endless() {
      yield bytes.ciphertext;
      for (;;) {
        chunks += 1;
        yield new Uint8Array(1000);
      }
    }
    await failure(ciphertextFromWire(tiny, endless()));
    expect(chunks).toBe(1);
  });
});

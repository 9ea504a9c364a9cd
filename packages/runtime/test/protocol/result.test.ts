// Results that a client must not read: forged, swapped, replayed, of another shape, damaged.
import { createHash } from 'node:crypto';
import { Ciphertext, type Context, ciphertextToWire, Encoder } from '@cipherformer/ckks';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptInputs } from '../../src/client/encrypt.ts';
import { FileError, InputError, ResultError } from '../../src/errors.ts';
import { sealEnvelope } from '../../src/protocol/envelope.ts';
import { RequestFile, readRequest } from '../../src/protocol/request.ts';
import { largestError, Machine, randomVector, slots } from '../backends/support.ts';
import { bytesOf, from, manifestOf, Protocol, squares } from './protocol.ts';

let context: Context;
let protocol: Protocol;
let honest: Awaited<ReturnType<Protocol['ask']>>;
const values = randomVector(1);

beforeAll(async () => {
  context = await Machine.context();
  protocol = new Protocol(context, squares(2));
  honest = await protocol.ask(values);
});
afterAll(() => {
  protocol[Symbol.dispose]();
  context[Symbol.dispose]();
});

/** What became of a result: decrypted, or the fault it was refused for. */
async function outcome(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
    return 'decrypted';
  } catch (error) {
    if (!(error instanceof ResultError)) throw error;
    return error.fault;
  }
}

describe('row 3: an honest result', () => {
  it('decrypts, whatever the program’s levels and the input', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 14 }), fc.integer(), async (level, seed) => {
        using one = new Protocol(context, squares(level));
        const input = randomVector(seed);
        const { request, result } = await one.ask(input);
        const [answer] = await one.decrypt(request, result);
        const expected = Float64Array.from([...input.map((x) => x ** 2), ...input.map((x) => x ** 4)]);
        expect(answer!.inRange).toBe(true);
        expect(largestError(answer!.reveal().logits, expected)).toBeLessThan(1e-5);
      }),
      { numRuns: 8 },
    );
  });

  it('names the SHA-256 of the request’s bytes, whoever computes it', async () => {
    const file = await encryptInputs(protocol.machine.secret, protocol.manifest, [{ a: values }]);
    expect(() => file.request).toThrow(FileError);
    const bytes = await bytesOf(file);
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(file.request).toEqual({ hash, examples: 1 });
    for (const size of [1, 999, 2 ** 20]) {
      const read = await readRequest(protocol.manifest, await protocol.key, from(bytes, size), 'the request');
      expect(read).toEqual({ hash, examples: 1 });
    }
  });
});

describe('row 3: padding of a batch', () => {
  it('is neither answered nor judged, and how much of it there is stands in the request', async () => {
    const program = squares(3);
    const limited = { ...program, outputs: program.outputs.map((output) => ({ ...output, limit: 2 })) };
    using batch = new Protocol(context, limited, manifestOf(limited, 'ab'.repeat(32), 2));
    const inRange = randomVector(5, 1, slots / 2);
    const { request, result } = await batch.ask(inRange, inRange.map((x) => 3 * x)); // biome-ignore format: one call
    expect((await batch.decrypt(request, result)).map(({ inRange }) => inRange)).toEqual([true, false]);
    expect((await batch.decrypt({ ...request, examples: 1 }, result)).map(({ inRange }) => inRange)).toEqual([true]);
    expect((await batch.ask(inRange)).request.examples).toBe(1);
  });
});

describe('row 3: a result is bound to its request, program and key', () => {
  it.each([['swapped', randomVector(2)], ['replayed: the same input, encrypted again', values]] as const)('%s', async (_, other) => {
    const second = await protocol.ask(other);
    expect(second.request.hash).not.toBe(honest.request.hash);
    expect(await outcome(protocol.decrypt(honest.request, second.result))).toBe('mismatched');
    expect(await outcome(protocol.decrypt(second.request, honest.result))).toBe('mismatched');
    expect(await outcome(protocol.decrypt(second.request, second.result))).toBe('decrypted');
  }); // biome-ignore format: a table

  it('of another program or another key', async () => {
    const other = manifestOf(protocol.program, 'cd'.repeat(32));
    expect(await outcome(protocol.decrypt(honest.request, honest.result, { manifest: other }))).toBe('mismatched');
    using stranger = new Protocol(context, protocol.program);
    expect(await outcome(stranger.decrypt(honest.request, honest.result))).toBe('mismatched');
  });

  it('the request itself is of this program and key, undamaged, and of no more examples than the program computes', async () => {
    const { manifest, machine } = protocol;
    const read = (bytes: Uint8Array, by = manifest, key?: string) => async () => readRequest(by, key ?? (await protocol.key), from(bytes), 'r'); // biome-ignore format: short
    const bytes = await bytesOf(await encryptInputs(machine.secret, manifest, [{ a: values }]));
    await expect(read(bytes, manifestOf(protocol.program, 'cd'.repeat(32)))()).rejects.toThrow(FileError);
    await expect(read(bytes, manifest, 'ee'.repeat(16))()).rejects.toThrow(FileError);
    await expect(read(honest.result)()).rejects.toThrow(FileError);
    await expect(read(Uint8Array.of(...bytes, 0))()).rejects.toThrow(FileError);
    await expect(read(bytes.subarray(0, 100))()).rejects.toThrow(FileError);
    const header = { kind: 'inputs', program: manifest.digest, key: await protocol.key, examples: 2 } as const;
    const many = await bytesOf(new RequestFile(await sealEnvelope(header, []), { examples: 2 }));
    await expect(read(many)()).rejects.toThrow('2 examples, the program computes 1');
    for (const examples of [0, 2, 0.5, Number.NaN])
      await expect(protocol.decrypt({ ...honest.request, examples }, honest.result)).rejects.toThrow(InputError);
  });
});

interface Shape {
  readonly level: number;
  readonly scale: number;
  readonly slots: number;
  readonly size: number;
}

/** What the program gives output `i`. */
function shapeOf(i: number): Shape {
  const { level, scale } = protocol.manifest.outputs[i]!;
  return { level, scale, slots, size: 2 };
}

/** A ciphertext made by hand, without any key: these values in the first polynomial, `fill` in every word of the others. */
function forged({ level, scale, slots: count, size }: Shape, fill: (limb: number) => bigint): Ciphertext {
  const values = Float64Array.from({ length: count }, () => 0.5);
  // Any scale can be claimed, whatever the values were encoded with.
  using plaintext = new Encoder(context).encode(values, undefined, { level, scale: 2 ** 30, slots: count });
  const made = new Ciphertext(context, level, scale, count, size);
  const bytes = 8 * context.ring.n;
  for (let part = 0; part < size; part++)
    for (let limb = 0; limb <= level; limb++) {
      const at = context.kernels.view(made.part(part) + limb * bytes, bytes);
      if (part === 0) at.set(context.kernels.view(plaintext.part(0) + limb * bytes, bytes));
      else new BigUint64Array(at.buffer, at.byteOffset, context.ring.n).fill(fill(limb));
    }
  return made;
}

async function sealed(ciphertexts: readonly Ciphertext[]): Promise<Uint8Array> {
  const { hash } = honest.request;
  const header = {
    kind: 'outputs',
    program: protocol.manifest.digest,
    key: await protocol.key,
    request: hash,
  } as const;
  return bytesOf(await sealEnvelope(header, ciphertexts.map(ciphertextToWire)));
}

/** The honest shapes, but for output `i`. */
async function withOutput(i: number, change: Partial<Shape>, fill: (limb: number) => bigint = () => 1n) {
  const made = [0, 1].map((k) => forged({ ...shapeOf(k), ...(k === i ? change : {}) }, k === i ? fill : () => 1n));
  try {
    return await sealed(made);
  } finally {
    for (const one of made) one[Symbol.dispose]();
  }
}

describe('row 3: what no run of the program gives is refused', () => {
  it('would be read if it had the right shape and a second polynomial', async () => {
    expect(await outcome(protocol.decrypt(honest.request, await withOutput(0, {})))).toBe('decrypted');
  });

  it.each([0, 1])('a transparent output %i: the second polynomial is zero modulo any prime', async (i) => {
    const { level } = shapeOf(i);
    for (let zero = 0; zero <= level; zero++) {
      const result = await withOutput(i, {}, (limb) => (limb === zero ? 0n : 1n));
      expect([zero, await outcome(protocol.decrypt(honest.request, result))]).toEqual([zero, 'dishonest']);
    }
    expect(await outcome(protocol.decrypt(honest.request, await withOutput(i, {}, () => 0n)))).toBe('dishonest');
  });

  it('another level, scale, number of slots or size, of any output', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1 }),
        fc.oneof(
          fc.integer({ min: 0, max: 20 }).map((level) => ({ level })),
          fc.integer({ min: -36, max: 20 }).map((bits) => ({ scaleBy: 1 + 2 ** bits })),
          fc.integer({ min: -36, max: -1 }).map((bits) => ({ scaleBy: 1 - 2 ** bits })),
          fc.integer({ min: 0, max: 9 }).map((log) => ({ slots: 2 ** log })),
          fc.constant({ size: 3 }),
        ),
        async (i, change: Partial<Shape> & { scaleBy?: number }) => {
          const { scaleBy = 1, ...rest } = change;
          const usual = shapeOf(i);
          fc.pre(rest.level !== usual.level);
          const result = await withOutput(i, { ...rest, scale: usual.scale * scaleBy });
          expect(await outcome(protocol.decrypt(honest.request, result))).toBe('dishonest');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('more or fewer outputs, or outputs in another order', async () => {
    const [first, second] = [0, 1].map((i) => forged(shapeOf(i), () => 1n));
    const results = { none: [], 'one less': [first!], 'one more': [first!, second!, second!], swapped: [second!, first!] }; // biome-ignore format: short
    for (const [name, outputs] of Object.entries(results))
      expect([name, await outcome(protocol.decrypt(honest.request, await sealed(outputs)))]).toEqual([
        name,
        'dishonest',
      ]);
    for (const one of [first!, second!]) one[Symbol.dispose]();
  });
});

describe('row 3: damage is told from dishonesty', () => {
  it('a result cut, changed or continued anywhere', async () => {
    const { result, request } = honest;
    await fc.assert(
      fc.asyncProperty(fc.nat(result.length - 1), fc.integer({ min: 0, max: 7 }), async (at, bit) => {
        expect(await outcome(protocol.decrypt(request, result.subarray(0, at)))).toBe('damaged');
        const changed = result.slice();
        changed[at]! ^= 1 << bit;
        expect(await outcome(protocol.decrypt(request, changed))).toBe('damaged');
      }),
      { numRuns: 60 },
    );
    expect(await outcome(protocol.decrypt(request, Uint8Array.of(...result, 0)))).toBe('damaged');
  });

  it('a file of another kind', async () => {
    const input = await bytesOf(await encryptInputs(protocol.machine.secret, protocol.manifest, [{ a: values }]));
    expect(await outcome(protocol.decrypt(honest.request, input))).toBe('damaged');
  });

  it('refusing releases what was read', async () => {
    const before = context.kernels.memory().slabs;
    const bad = await withOutput(1, {}, () => 0n);
    await outcome(protocol.decrypt(honest.request, bad));
    await outcome(protocol.decrypt(honest.request, honest.result.subarray(0, -1)));
    expect(context.kernels.memory().slabs).toBe(before);
  });
});

// Files of programs: slot maps as runs, envelopes cut and damaged at every byte.
import type { WireObject } from '@cipherformer/ckks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileError } from '../../src/errors.ts';
import { EnvelopeReader, sealEnvelope } from '../../src/protocol/envelope.ts';
import { fromRuns, toRuns } from '../../src/protocol/runs.ts';

describe('runs', () => {
  it('give back any numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 20 })), (values) => {
        expect([...fromRuns(toRuns(values), values.length)]).toEqual(values);
      }),
    );
  });

  it('are short for maps that repeat', () => {
    const map = Int32Array.from({ length: 2 ** 15 }, (_, s) => (s % 1024 < 64 ? s % 16 : -1));
    expect(toRuns(map).length).toBeLessThan(3 * 200);
  });

  it('refuse more numbers than allowed before making them', () => {
    expect(() => fromRuns([0, 1, 2 ** 40], 2 ** 15)).toThrow(RangeError);
    expect(() => fromRuns([0, 1, -1], 10)).toThrow(RangeError);
    expect(() => fromRuns([0, 1], 10)).toThrow(RangeError);
    for (const run of [[2 ** 32, 0, 1], [0, 2 ** 31, 2], [0.5, 0, 1], [0, 0.5, 2], [0, 1, 1.5], [Number.NaN, 1, 1]])
      expect(() => fromRuns(run, 10)).toThrow(RangeError); // biome-ignore format: a list
  });
});

describe('an envelope', () => {
  const payload = Uint8Array.from({ length: 50 }, (_, i) => i);
  const object: WireObject = {
    kind: 'ciphertext',
    bytes: payload.length,
    async *[Symbol.asyncIterator]() {
      yield payload.slice(0, 20);
      yield payload.slice(20);
    },
  };
  const header = { kind: 'inputs', program: 'cd'.repeat(32), key: 'ef'.repeat(16), examples: 1 } as const;

  async function bytesOf(): Promise<Uint8Array> {
    const parts: number[] = [];
    for await (const frame of await sealEnvelope(header, [object, object])) parts.push(...frame);
    return Uint8Array.from(parts);
  }

  /** Read in chunks of `size` bytes. */
  async function read(bytes: Uint8Array, size: number): Promise<number[][]> {
    async function* chunks() {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    }
    const reader = new EnvelopeReader(chunks(), 'the file');
    const { lengths } = await reader.header({ kind: 'inputs', program: header.program, key: header.key });
    const objects: number[][] = [];
    for (const length of lengths) {
      const found: number[] = [];
      for await (const chunk of reader.object(length)) found.push(...chunk);
      objects.push(found);
    }
    await reader.end();
    return objects;
  }

  it.each([1, 7, 64, 1000])('gives back its objects, read %i bytes at a time', async (size) => {
    expect(await read(await bytesOf(), size)).toEqual([[...payload], [...payload]]);
  });

  it('its header cut or changed anywhere is refused', async () => {
    const bytes = await bytesOf();
    const headerBytes = bytes.length - 2 * payload.length;
    for (let i = 0; i < headerBytes; i++) {
      await expect(read(bytes.subarray(0, i), 64), `cut at ${i}`).rejects.toThrow(FileError);
      const damaged = bytes.slice();
      damaged[i]! ^= 1 << (i % 8);
      await expect(read(damaged, 64), `changed at ${i}`).rejects.toThrow(FileError);
    }
    await expect(read(Uint8Array.from([...bytes, 0]), 64)).rejects.toThrow(FileError);
  });
});

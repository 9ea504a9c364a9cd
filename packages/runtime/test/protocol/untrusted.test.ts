// Row 9: whatever bytes come, the readers of files throw errors of ours and nothing else.

import type { WireObject } from '@cipherformer/ckks';
import { sha256 } from '@cipherformer/ckks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyBytes, bytesOf } from '../../../model/test/untrusted/any-bytes.ts';
import { FileError } from '../../src/errors.ts';
import { EnvelopeReader, sealEnvelope } from '../../src/protocol/envelope.ts';
import { parseManifest } from '../../src/protocol/manifest.ts';
import { accepted, changed, type Json, linearManifest, places } from './manifest-support.ts';

describe('row 9: envelopes', () => {
  const payload: WireObject = {
    kind: 'ciphertext',
    bytes: 3,
    async *[Symbol.asyncIterator]() {
      yield Uint8Array.of(1, 2, 3);
    },
  };
  const known = { kind: 'inputs', program: 'cd'.repeat(32), key: 'ef'.repeat(16), examples: 1 } as const;

  async function whole(): Promise<Uint8Array> {
    const parts: number[] = [];
    for await (const chunk of await sealEnvelope(known, [payload])) parts.push(...chunk);
    return Uint8Array.from(parts);
  }

  /** With this header, whose checksum is right: what a malicious writer would send. */
  async function sealed(header: Uint8Array): Promise<Uint8Array> {
    const start = new Uint8Array(12 + header.length);
    start.set((await whole()).subarray(0, 8));
    new DataView(start.buffer).setUint32(8, header.length, true);
    start.set(header, 12);
    return Uint8Array.from([...start, ...(await sha256(start)), 1, 2, 3]);
  }

  async function read(bytes: Uint8Array): Promise<void> {
    const reader = new EnvelopeReader((async function* () { yield bytes; })(), 'the file'); // biome-ignore format: short
    const { lengths } = await reader.header(known);
    for (const length of lengths) for await (const _ of reader.object(length));
    await reader.end();
  }

  /** Reads; throws what is no error of ours. */
  async function refused(bytes: Uint8Array): Promise<string | undefined> {
    try {
      await read(bytes);
      return undefined;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return error.message;
    }
  }

  const header = async () => {
    const bytes = await whole();
    return JSON.parse(new TextDecoder().decode(bytes.subarray(12, bytes.length - 35))) as Record<string, Json>;
  };

  it.each(['null', '{', '[]', '7', '"x"', '', '\u0000', `{"lengths":${'['.repeat(9000)}`])(
    'a header %j',
    async (text) => {
      expect(await refused(await sealed(bytesOf(text)))).toMatch(/the header of the file/);
    },
  );

  it('a header that is no UTF-8, and lengths that no file has', async () => {
    expect(await refused(await sealed(Uint8Array.of(0x22, 0xff, 0x22)))).toMatch(/UTF-8/);
    const given = await header();
    expect(await refused(await sealed(bytesOf(JSON.stringify(given))))).toBeUndefined();
    for (const lengths of [[2 ** 53 - 1, 2 ** 53 - 1], [-1], [0.5], [2 ** 53], ['3'], [null], 3, null])
      expect(await refused(await sealed(bytesOf(JSON.stringify({ ...given, lengths }))))).toMatch(/lengths/); // biome-ignore format: short
    expect(await refused(await sealed(bytesOf(JSON.stringify({ ...given, lengths: Array(5000).fill(0) }))))).toMatch(/lengths/); // biome-ignore format: short
  });

  it('any header with a right checksum, any change of a field, any bytes', async () => {
    const given = await header();
    const field = fc.tuple(fc.nat(), fc.jsonValue() as fc.Arbitrary<Json>).map(([at, by]) => {
      const all = places(given);
      return bytesOf(JSON.stringify(changed(given, all[at % all.length]!, by)));
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyBytes, field), async (json) => {
        await refused(await sealed(json));
      }),
      { numRuns: 2000, seed: 9 },
    );
    const bytes = await whole();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(bytes.length), async (flips, end) => {
        const damaged = bytes.slice(0, end);
        for (const [at, byte] of flips) if (at < end) damaged[at] = byte;
        await refused(damaged);
      }),
      { numRuns: 1000, seed: 9 },
    ); // biome-ignore format: a property
  });
});

it('row 9: manifests of any bytes', () => {
  const text = JSON.stringify(linearManifest());
  const cut = fc.tuple(fc.nat(text.length), fc.string({ unit: 'binary', maxLength: 3 }), fc.nat(8)).map(([at, by, skip]) => bytesOf(text.slice(0, at) + by + text.slice(at + skip))); // biome-ignore format: short
  fc.assert(
    fc.property(fc.oneof(anyBytes, { arbitrary: cut, weight: 3 }), (bytes) => {
      try {
        parseManifest(bytes, 'm.json', accepted);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
    }),
    { numRuns: 1000, seed: 9 },
  );
});

import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import { boundaryRing, builds, expectWords, onEveryBuild, type Workbench } from '../kernels/support.ts';
import { keystreamWords } from './reference.ts';
import { putSeed, seedBytes } from './support.ts';

const ring = boundaryRing(5);

function words(w: Workbench, seed: Uint8Array, stream: number, count: number): BigUint64Array {
  // Two words of room behind the end: they must stay as they are.
  const dst = w.putWords(new BigUint64Array(count + 2).fill(7n));
  w.kernels.call(Op.keystream, dst.address(), count, putSeed(w, seed), stream);
  expect([...dst.wordsView(count)]).toEqual([7n, 7n]);
  return dst.wordsView(0, count).slice();
}

function hex(x: BigUint64Array): string {
  return Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString('hex');
}

const zeroKey = '00'.repeat(32);

describe(`the AES-256-CTR keystream of ${builds.join(', ')}`, () => {
  it('is compared with an AES that passes FIPS 197, appendix C.3', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
    const cipher = createCipheriv('aes-256-ecb', key, null);
    const block = cipher.update('00112233445566778899aabbccddeeff', 'hex', 'hex');
    expect(block).toBe('8ea2b7ca516745bfeafc49904b496089');
  });

  it('passes the NIST AESAVS known answers whose block can be a first counter block', () => {
    const answers: [key: string, stream: number, block: string][] = [
      // VarTxt256: plaintexts 80 00.. and c0 00..
      [zeroKey, 0x80, 'ddc6bf790c15760d8d9aeb6f9a75fd4e'],
      [zeroKey, 0xc0, '0a6bdc6d4c1e6280301fd8e97ddbe601'],
      // VarKey256 and KeySbox256: plaintext 0
      [`80${'00'.repeat(31)}`, 0, 'e35a6dcb19b201a01ebcfa8aa22b5759'],
      ['c47b0294dbbbee0fec4757f22ffeee3587ca4730c3d33b691df38bab076bc558', 0, '46f2fb342d6f0ab477476fc501242c5f'],
    ];
    onEveryBuild(ring, (w) => {
      for (const [key, stream, block] of answers) {
        expect(hex(words(w, Buffer.from(key, 'hex'), stream, 2)), w.kernels.build).toBe(block);
      }
    });
  });

  it('equals node:crypto for every length around a batch, every byte of a stream number, and long streams', () => {
    const lengths = [1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 513, 1000];
    const streams = [0, 1, 0xff, 0x0102030405, 2 ** 53 - 1];
    onEveryBuild(ring, (w) => {
      for (const [i, length] of lengths.entries()) {
        const seed = seedBytes(i);
        const stream = streams[i % streams.length]!;
        expectWords(
          words(w, seed, stream, length),
          keystreamWords(seed, stream, length),
          `${w.kernels.build} ${length}`,
        );
      }
      expectWords(words(w, seedBytes(99), 5, 140_001), keystreamWords(seedBytes(99), 5, 140_001), w.kernels.build);
    });
  });

  it('uses every bit of the seed', () => {
    onEveryBuild(ring, (w) => {
      const seen = new Set<string>();
      for (let bit = 0; bit < 256; bit += 1) {
        const seed = new Uint8Array(32);
        seed[bit >> 3] = 1 << (bit & 7);
        const block = hex(words(w, seed, 0, 2));
        expect(block).toBe(hex(keystreamWords(seed, 0, 2)));
        seen.add(block);
      }
      expect(seen.size).toBe(256);
    });
  });
});

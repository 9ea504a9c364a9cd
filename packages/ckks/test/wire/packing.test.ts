import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperandError } from '../../src/index.ts';
import { limbBytes, packResidues, residueBits, unpackResidues } from '../../src/wire/packing.ts';

/** The definition: one big integer, residue i at bit i * bits. */
function reference(values: readonly bigint[], bits: number): Uint8Array {
  let all = 0n;
  for (const [i, value] of values.entries()) all |= value << BigInt(i * bits);
  const bytes = new Uint8Array((values.length * bits) / 8);
  for (let i = 0; i < bytes.length; i++, all >>= 8n) bytes[i] = Number(all & 0xffn);
  return bytes;
}

function words(values: readonly bigint[]): Uint32Array {
  return new Uint32Array(BigUint64Array.from(values).buffer);
}

/** Any odd modulus: packing does not need primes. */
const cases = fc
  .record({ bits: fc.integer({ min: 7, max: 50 }), low: fc.boolean(), blocks: fc.integer({ min: 1, max: 3 }) })
  .chain(({ bits, low, blocks }) => {
    const p = low ? 2n ** BigInt(bits - 1) + 3n : 2n ** BigInt(bits) - 1n;
    const residue = fc.oneof(fc.constantFrom(0n, 1n, p - 1n, p / 2n), fc.bigInt({ min: 0n, max: p - 1n }));
    return fc.record({
      p: fc.constant(Number(p)),
      values: fc.array(residue, { minLength: 32 * blocks, maxLength: 32 * blocks }),
    });
  });

describe('packing of residues', () => {
  it('takes as many bits as the largest residue', () => {
    const moduli = [2 ** 40 + 1, 2 ** 40 - 87, 2 ** 50 - 27, 2 ** 32 + 1, 2 ** 32, 97];
    expect(moduli.map(residueBits)).toEqual([41, 40, 50, 33, 32, 7]);
    expect(limbBytes(2 ** 16, 2 ** 50 - 27)).toBe(409_600);
  });

  it('agrees with the definition and comes back, for every width', () => {
    fc.assert(
      fc.property(cases, ({ p, values }) => {
        const bits = residueBits(p);
        const packed = new Uint32Array((values.length * bits) / 32);
        packResidues(words(values), packed, p);
        expect(Buffer.compare(new Uint8Array(packed.buffer), reference(values, bits))).toBe(0);
        const back = new Uint32Array(2 * values.length).fill(0xffffffff);
        expect(unpackResidues(packed, back, p)).toBe(-1);
        expect(Buffer.compare(new Uint8Array(back.buffer), new Uint8Array(words(values).buffer))).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('finds the first residue that is too large', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ({ p, values }, at) => {
        const bits = residueBits(p);
        const index = at % values.length;
        for (const wrong of [BigInt(p), 2n ** BigInt(bits) - 1n]) {
          const spoilt = values.with(index, wrong);
          const packed = new Uint32Array(reference(spoilt, bits).buffer);
          const back = new Uint32Array(2 * values.length);
          expect(unpackResidues(packed, back, p)).toBe(wrong >= BigInt(p) ? index : -1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('refuses words that are no residues, and wrong sizes', () => {
    for (const p of [2 ** 40 - 87, 2 ** 20 - 3]) {
      const values = Array.from({ length: 32 }, () => 5n).with(7, 2n ** 41n);
      expect(() => packResidues(words(values), new Uint32Array(residueBits(p)), p)).toThrow(OperandError);
      expect(() => packResidues(words(values), new Uint32Array(residueBits(p) + 1), p)).toThrow(OperandError);
      expect(() => unpackResidues(new Uint32Array(3), new Uint32Array(64), p)).toThrow(OperandError);
    }
  });
});

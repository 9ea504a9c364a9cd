import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { StorageError } from '../../../base/src/errors.ts';
import { FormatError, WeightError } from '../../src/errors.ts';
import {
  bfloatToNumber,
  halfToNumber,
  numberToHalf,
  parseSafetensors,
  serialiseSafetensors,
} from '../../src/files/safetensors.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = new Map([
  ['a', { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) }],
  ['b.c', { shape: [], data: Float32Array.of(42) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
]);

/** A file with this header and so many bytes of data. */
function file(header: unknown, dataBytes: number, declaredLength?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(declaredLength ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe('safetensors', () => {
  it('reads back what it writes', () => {
    const path = join(folder, 'model.safetensors');
    writeSafetensors(path, tensors, { note: 'x' });
    const read = readSafetensors(path);
    expect(read.metadata).toEqual({ note: 'x' });
    expect([...read.tensors]).toEqual([...tensors]);
    // The data starts at a multiple of 8 bytes, as the format asks.
    expect(readFileSync(path).readBigUInt64LE(0) % 8n).toBe(0n);
  });

  it('converts every element type', () => {
    const entry = (dtype: string, begin: number, end: number) => ({ dtype, shape: [1], data_offsets: [begin, end] });
    const header = {
      half: entry('F16', 0, 2),
      bfloat: entry('BF16', 2, 4),
      double: entry('F64', 4, 12),
      long: entry('I64', 12, 20),
      byte: entry('I8', 20, 21),
      truth: entry('BOOL', 21, 22),
    };
    const bytes = file(header, 22);
    const view = new DataView(bytes.buffer, bytes.length - 22);
    view.setUint16(0, 0xc100, true); // -2.5
    view.setUint16(2, 0x4049, true); // 3.140625
    view.setFloat64(4, 0.25, true);
    view.setBigInt64(12, -5n, true);
    view.setInt8(20, -7);
    view.setUint8(21, 1);
    const values = [...parseSafetensors(bytes, 'x').tensors.values()].map(({ data }) => data[0]);
    expect(values).toEqual([-2.5, 3.140625, 0.25, -5, -7, 1]);
  });

  it('knows the corners of the half formats', () => {
    expect(halfToNumber(0x0001)).toBe(2 ** -24);
    expect(halfToNumber(0x7bff)).toBe(65504);
    expect(halfToNumber(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(halfToNumber(0x7e00)).toBeNaN();
    expect(bfloatToNumber(0xff80)).toBe(Number.NEGATIVE_INFINITY);
  });

  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  const hostile: [string, Uint8Array][] = [
    ['nothing', new Uint8Array(0)],
    ['less than a length', new Uint8Array(7)],
    ['a header longer than the file', file({ a: entry }, 8, 1_000_000)],
    ['a header of 2^63 bytes', file({ a: entry }, 8, Number.MAX_SAFE_INTEGER)],
    ['a header that is not JSON', file('{"a":', 8)],
    ['a header that is a list', file([entry], 8)],
    ['an unknown element type', file({ a: { ...entry, dtype: 'F31' } }, 8)],
    ['offsets that overlap', file({ a: entry, b: { ...entry, data_offsets: [4, 12] } }, 12)],
    ['offsets with a gap', file({ a: entry, b: { ...entry, data_offsets: [12, 20] } }, 20)],
    ['a shape that does not fit the bytes', file({ a: { ...entry, shape: [3] } }, 8)],
    ['a negative size', file({ a: { ...entry, shape: [-2] } }, 8)],
    ['a size whose product overflows', file({ a: { ...entry, shape: [2 ** 40, 2 ** 40, 2 ** 40] } }, 8)],
    ['data that is cut off', file({ a: entry }, 4)],
    ['bytes after the data', file({ a: entry }, 9)],
    ['metadata that is not text', file({ __metadata__: { a: 1 }, a: entry }, 8)],
  ];
  for (const [name, bytes] of hostile) {
    it(`refuses ${name}`, () => {
      expect(() => parseSafetensors(bytes, 'bad.safetensors')).toThrow(FormatError);
      expect(() => parseSafetensors(bytes, 'bad.safetensors')).toThrow(/bad\.safetensors/);
    });
  }

  it('refuses every truncation of a valid file', () => {
    const bytes = serialiseSafetensors(tensors);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensors(bytes.subarray(0, length), 'x')).toThrow(FormatError);
    }
  });

  it('answers any damage with a typed error or with tensors of consistent size', () => {
    const bytes = serialiseSafetensors(tensors);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (edits) => {
          const damaged = bytes.slice();
          for (const [at, value] of edits) damaged[at] = value;
          try {
            for (const { shape, data } of parseSafetensors(damaged, 'x').tensors.values()) {
              expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
            }
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('says where it could not write, and that nothing was left behind', () => {
    const blocker = join(folder, 'file');
    writeFileSync(blocker, '');
    expect(() => writeSafetensors(join(blocker, 'model.safetensors'), tensors)).toThrow(StorageError);
    expect(() => writeSafetensors(join(blocker, 'model.safetensors'), tensors)).toThrow(/Nothing was left behind/);
  });

  it('rounds to 16 bits, to the nearest and of two to the even, and refuses what they cannot hold', () => {
    // Every binary16 is itself; between two neighbours the nearer one, in the middle the one with an even mantissa.
    for (let bits = 0; bits < 0x7c00; bits++) {
      const [value, next] = [halfToNumber(bits), halfToNumber(bits + 1)];
      expect(numberToHalf(value)).toBe(bits);
      if (value > 0) expect(numberToHalf(-value)).toBe(bits | 0x8000);
      if (bits === 0x7bff) continue;
      expect(numberToHalf(value + 0.25 * (next - value))).toBe(bits);
      expect(numberToHalf(value + 0.75 * (next - value))).toBe(bits + 1);
      expect(numberToHalf((value + next) / 2)).toBe(bits % 2 === 0 ? bits : bits + 1);
    }
    expect([numberToHalf(65_519), numberToHalf(65_520), numberToHalf(-1e9), numberToHalf(Number.NaN)]).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x7e00,
    ]);
    const bytes = serialiseSafetensors(
      new Map([['a', { shape: [3], data: Float32Array.of(1, 0.1, -2048.6) }]]),
      {},
      'F16',
    );
    expect([...parseSafetensors(bytes, 'it').tensors.get('a')!.data]).toEqual([1, 0.0999755859375, -2048]);
    const wide = new Map([['w', { shape: [1], data: Float32Array.of(7e4) }]]);
    expect(() => serialiseSafetensors(wide, {}, 'F16')).toThrow(WeightError);
  });
});

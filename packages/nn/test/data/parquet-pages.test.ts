import { describe, expect, it } from 'vitest';
import { checkPages } from '../../src/sources/parquet-pages.ts';

// The compact form of Thrift, as far as headers of pages need it.
const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]); // biome-ignore format: a line
const integer = (value: number) => varint(value < 0 ? -2 * value - 1 : 2 * value);
type Fields = Readonly<Record<number, number | boolean | { readonly fields: Fields }>>;
function struct(fields: Fields): number[] {
  let before = 0;
  const bytes = Object.entries(fields).flatMap(([id, value]) => {
    const step = 16 * (Number(id) - before);
    before = Number(id);
    if (typeof value === 'boolean') return [step + (value ? 1 : 2)];
    return typeof value === 'number' ? [step + 5, ...integer(value)] : [step + 12, ...struct(value.fields)];
  });
  return [...bytes, 0];
}

const encodings = { plain: 0, rle: 3, prefixes: 7, dictionary: 8 };
type Name = keyof typeof encodings;
const bytesAfter = (header: Fields, bytes: readonly number[]) => [...struct({ ...header, 3: bytes.length }), ...bytes];
const dictionary = (values: number, bytes: readonly number[], size = bytes.length) =>
  bytesAfter({ 1: 2, 2: size, 7: { fields: { 1: values, 2: 0 } } }, bytes);
const page = (values: number, encoding: Name, bytes: readonly number[], size = bytes.length) =>
  bytesAfter({ 1: 0, 2: size, 5: { fields: { 1: values, 2: encodings[encoding], 3: 3, 4: 3 } } }, bytes);
const pageV2 = (header: Fields, bytes: readonly number[], size = bytes.length) =>
  bytesAfter({ 1: 3, 2: size, 8: { fields: { 4: encodings.dictionary, 5: 0, 6: 0, 7: false, ...header } } }, bytes);

const schema = (repetition_type: 'REQUIRED' | 'OPTIONAL') =>
  ['REQUIRED' as const, repetition_type].map((repetition_type) => ({
    count: 1,
    children: [],
    path: [],
    element: { name: 'text', repetition_type },
  }));
const check = (pages: readonly (readonly number[])[], { rows = 20, type = 'BYTE_ARRAY', optional = false } = {}) =>
  checkPages(
    Uint8Array.from(pages.flat()).buffer,
    { codec: 'UNCOMPRESSED', type: type as 'BYTE_ARRAY' },
    schema(optional ? 'OPTIONAL' : 'REQUIRED'),
    rows,
    () => (bytes) => bytes,
  );

/** A run of equal values; of packed ones, eight at a time. */
const equal = (count: number, value = 0) => [...varint(2 * count), value];
const packed = (groups: number, bytes: readonly number[]) => [...varint(2 * groups + 1), ...bytes];
const levels = (bytes: readonly number[]) => [bytes.length, 0, 0, 0, ...bytes];
/** Equal lengths in the form of differences: one block, one run of 32. */
const lengths = (count: number, value: number) => [...varint(128), ...varint(4), ...varint(count), ...integer(value), 0, 0, 0, 0, 0]; // biome-ignore format: a line

describe('pages of a Parquet column', () => {
  it.each([
    ['plain texts', [page(20, 'plain', [1, 2, 3])], {}],
    ['a dictionary and one run', [dictionary(2, [1, 0]), page(20, 'dictionary', [1, ...equal(20, 1)])], {}],
    [
      'two pages',
      [page(8, 'dictionary', [1, ...packed(1, [255])]), page(12, 'dictionary', [1, ...packed(2, [1, 2])])],
      {},
    ],
    ['gaps', [page(20, 'dictionary', [...levels(equal(20, 1)), 1, ...equal(5)])], { optional: true }],
    ['true and false', [page(20, 'rle', levels(equal(20)))], { type: 'BOOLEAN' }],
    ['one text for all', [page(20, 'dictionary', [0])], {}],
    ['version 2', [pageV2({ 1: 20, 2: 0, 3: 20, 5: 2 }, [...equal(20, 1), 1, ...equal(20)])], { optional: true }],
    ['shared beginnings', [page(20, 'prefixes', [...lengths(20, 0), ...lengths(20, 3)])], {}],
  ])('passes %s', (_, pages, options) => {
    expect(() => check(pages, options)).not.toThrow();
  });

  const of2to31 = [254, 255, 255, 255, 15];
  it.each([
    ['more values than rows', [page(21, 'plain', [])], {}, /21 values/],
    ['the same in two pages', [page(15, 'plain', []), page(6, 'plain', [])], {}, /6 values, at most 5/],
    ['less than no values', [page(-1, 'plain', [])], {}, /-1 values/],
    [
      'a run of more values than a page',
      [page(20, 'dictionary', [1, ...of2to31, 0])],
      {},
      /2147483647 values of a run/,
    ],
    ['such levels', [page(20, 'plain', levels([...of2to31, 0]))], { optional: true }, /values of a run/],
    [
      'such levels of version 2',
      [pageV2({ 1: 20, 2: 0, 3: 20, 5: 6 }, [...of2to31, 0])],
      { optional: true },
      /values of a run/,
    ],
    ['such bits', [page(20, 'rle', levels([...of2to31, 0]))], { type: 'BOOLEAN' }, /values of a run/],
    ['too many packed values', [page(20, 'dictionary', [1, ...packed(100, [])])], {}, /800 values of a run/],
    ['packed values of no bits', [page(20, 'dictionary', [0, ...packed(2 ** 27, [])])], {}, /values of a run/],
    ['a run that does not end', [page(20, 'dictionary', [1, 255, 255, 255, 255, 255, 255])], {}, /does not end/],
    ['indices of 33 bits', [page(20, 'dictionary', [33, 0])], {}, /33 bits/],
    ['runs of numbers', [page(20, 'rle', levels(equal(20)))], {}, /not true or false/],
    ['levels past the page', [page(20, 'plain', [9, 0, 0, 0])], { optional: true }, /9 bytes, at most 0/],
    ['a page past the file', [page(20, 'plain', [1, 2]).slice(0, -1)], {}, /2 bytes, at most 1/],
    ['a page of 2 GiB', [page(20, 'plain', [], 2 ** 31 - 1)], {}, /2147483647 bytes/],
    ['a dictionary of more values than bytes', [dictionary(10 ** 9, [1])], {}, /1000000000 values of a dictionary/],
    ['two dictionaries', [dictionary(1, [1]), dictionary(1, [1])], {}, /two dictionaries/],
    ['more gaps than values', [pageV2({ 1: 20, 2: 21, 3: 20 }, [])], {}, /21 empty values/],
    ['rows that go back', [pageV2({ 1: 20, 2: 0, 3: -5 }, [])], {}, /-5 rows/],
    ['levels of lists', [pageV2({ 1: 20, 2: 0, 3: 20, 6: 1 }, [0])], {}, /levels of lists/],
    [
      'beginnings longer than the text before',
      [page(20, 'prefixes', [...lengths(20, 5), ...lengths(20, 1)])],
      {},
      /5 characters of the text before, at most 0/,
    ],
    ['an index among values', [bytesAfter({ 1: 1, 2: 0 }, [])], {}, /INDEX_PAGE/],
  ])('refuses %s', (_, pages, options, message) => {
    expect(() => check(pages, options)).toThrow(message);
  });

  it('refuses texts that grow by their beginnings', () => {
    // Each repeats the one before and adds a MiB: 20 of them are 210, 64 are more than a page may be.
    const growing = (count: number) => {
      const step = 2 ** 20;
      const prefixes = [...varint(128), ...varint(4), ...varint(count), 0, ...integer(step), 0, 0, 0, 0];
      return page(count, 'prefixes', [...prefixes, ...lengths(count, step)]);
    };
    expect(() => check([growing(20)])).not.toThrow();
    expect(() => check([growing(64)], { rows: 64 })).toThrow(/bytes of texts/);
  });
});

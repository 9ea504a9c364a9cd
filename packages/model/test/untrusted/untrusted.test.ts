// Row 9: what readers of strangers' bytes share.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  excerpt,
  isPrintable,
  parseForeignJson,
  parseJson,
  problems,
  shown,
  splitLines,
  words,
} from '../../src/untrusted/index.ts';
import { anyBytes, bytesOf } from './any-bytes.ts';

describe('what readers share', () => {
  it('JSON is what JSON.parse reads, however deep brackets in texts go', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
    const text = JSON.stringify({ a: '[[{"'.repeat(100), '\\"[': '\\\\"]' });
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(parseJson(`${'['.repeat(64)}${']'.repeat(64)}`)).toHaveLength(1);
    expect(() => parseJson('"[[')).toThrow(SyntaxError);
    expect(() => parseJson(`${'[{"a":'.repeat(33)}`)).toThrow(/more than 64 deep/);
  });

  it('lines have numbers, and a carriage return alone is refused', () => {
    expect(splitLines('a\r\nb\n', 'f').map(({ line, text }) => `${line}${text}`)).toEqual(['1a', '2b', '3']);
    expect(() => splitLines('a\nb\rc\n', 'f')).toThrow(/^f, line 2: a carriage return/);
  });

  it('messages hold the beginning of a value, and nothing that a terminal obeys', () => {
    expect(shown('x'.repeat(1000))).toHaveLength(60);
    expect(shown('\u001b[31m\u009b\u202e')).toBe('"\\u001b[31m\\u009b\\u202e"');
    expect([shown(undefined), shown(3n), shown(null)]).toEqual(['undefined', '3', 'null']);
    const parsed = z
      .strictObject({ a: z.array(z.int()).max(9), b: words })
      .safeParse({ a: Array(9).fill('n'), b: '\u0007' });
    const text = problems(parsed.error!, { a: Array(9).fill('n'), b: '\u0007' });
    expect(text).toMatch(/a\[0\]: .* \(found "n"\)/);
    expect(text).toMatch(/and 5 more$/);
  });
});

class Refused extends Error {}
const schema = z.strictObject({ name: z.string(), list: z.array(z.int()) });
const parse = (source: string | Uint8Array, maxBytes = 1000) =>
  parseForeignJson(source, { schema, maxBytes, refuse: (what) => new Refused(`it ${what}`) });

describe('row 9: JSON of strangers', () => {
  it('what the schema describes is given back, as text or as bytes', () => {
    const value = { name: 'ä', list: [1, 2] };
    expect(parse(JSON.stringify(value))).toEqual(value);
    expect(parse(bytesOf(JSON.stringify(value)))).toEqual(value);
  });

  it('anything else is refused by the caller’s error, in few words that can be shown', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
          const { message } = error as Error;
          expect(message.length).toBeLessThan(2000);
          expect(message.split('\n').every((line) => isPrintable(line))).toBe(true);
        }
      }),
      { numRuns: 2000, seed: 9 },
    );
  });

  it.each([
    [Uint8Array.of(0xc3, 0x28), 'is not text in UTF-8'],
    ['x'.repeat(1001), 'has 1001 bytes, 1000 at most'],
    [`${'['.repeat(70)}${']'.repeat(70)}`, 'more than 64 deep'],
    ['{"name": 1, "list": [1, "\\u001b[2J", 0.5]}', 'list[1]: '],
  ] as const)('%j %s', (source, message) => {
    expect(() => parse(source)).toThrow(Refused);
    expect(() => parse(source)).toThrow(message);
  });

  it('escapes what a terminal obeys, and cuts what is long', () => {
    expect(excerpt('x'.repeat(300)).length).toBe(203);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isPrintable(excerpt(text))));
  });
});

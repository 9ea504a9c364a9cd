import { describe, expect, it } from 'vitest';
import {
  CipherformerError,
  errorCodes,
  errorMeanings,
  escapeControls,
  isCipherformerError,
  UsageError,
} from '../src/index.ts';

class Refused extends CipherformerError {
  override readonly name = 'Refused';
  override readonly code = 'service-refused';
}

describe('an error of ours', () => {
  it('has the hint of its code, or a more exact one', () => {
    expect(new UsageError('no').hint).toBe(errorCodes['bad-usage'].hint);
    expect(new Refused('no', { hint: 'wait' }).hint).toBe('wait');
  });

  it('shows what a terminal would act on, in message and hint', () => {
    expect(escapeControls('a\u001b\u009b\u202e\u2028\ud800\n')).toBe('a\\u001b\\u009b\\u202e\\u2028\\ud800\\u000a');
    const error = new Refused('a\nb\tc\u0007', { hint: 'wait\u009b2J' });
    expect([error.message, error.hint]).toEqual(['a\nb\tc\\u0007', 'wait\\u009b2J']);
  });

  it('keeps its cause', () => {
    const cause = new RangeError('deep');
    expect(new Refused('no', { hint: 'wait', cause }).cause).toBe(cause);
    expect(Object.hasOwn(new Refused('no'), 'cause')).toBe(false);
  });

  it('is known by its code, also as a plain object and from another copy of the package', () => {
    const error = new Refused('no');
    expect(isCipherformerError(error)).toBe(true);
    expect(isCipherformerError(JSON.parse(JSON.stringify(error)))).toBe(true);
    expect(isCipherformerError(structuredClone(error.toJSON()))).toBe(true);
    class Copy extends Error {
      readonly code = 'service-refused';
      readonly hint = 'wait';
    }
    expect(isCipherformerError(new Copy('no'))).toBe(true);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'bad-usage'],
    ['an error of the platform', new RangeError('no')],
    ['an error of the file system', Object.assign(new Error('no'), { code: 'ENOENT', hint: 'x' })],
    ['a name that every object has', { code: 'toString', message: 'no', hint: 'x' }],
    ['a code without a message', { code: 'bad-usage', hint: 'x' }],
    ['a message that is no text', { code: 'bad-usage', message: 1, hint: 'x' }],
    ['a code without a hint', { code: 'bad-usage', message: 'no' }],
  ])('%s is none', (_, value) => {
    expect(isCipherformerError(value)).toBe(false);
  });
});

describe('codes', () => {
  it.each(Object.entries(errorMeanings))(
    '%s: in lower case, with a meaning and a hint in one line',
    (code, meaning) => {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      for (const text of [meaning, errorCodes[code as keyof typeof errorCodes].hint])
        expect(text).toMatch(/^[A-Za-z][^\n|]{7,110}[^\s.]$/);
    },
  );

  it('end a process as documented', () => {
    const other = Object.entries(errorCodes).filter(([, { exit }]) => exit !== 1);
    expect(other.map(([code, { exit }]) => [code, exit])).toEqual([['bad-usage', 2], ['check-failed', 3], ['interrupted', 130]]); // biome-ignore format: pairs
  });
});

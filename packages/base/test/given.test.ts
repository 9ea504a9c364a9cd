import { expect, expectTypeOf, it } from 'vitest';
import { given } from '../src/index.ts';

it('leaves out what is undefined, and nothing else', () => {
  const threads = undefined as number | undefined;
  const options = given({ name: 'a', threads, limit: 0, text: '', signal: null });
  expect(options).toEqual({ name: 'a', limit: 0, text: '', signal: null });
  expect('threads' in options).toBe(false);
  expectTypeOf(options.name).toEqualTypeOf<string>();
  expectTypeOf(options).toExtend<{ readonly threads?: number }>();
});

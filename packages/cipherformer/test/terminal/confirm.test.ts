import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { confirm } from '../../src/terminal/confirm.ts';

const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;
afterEach(() => {
  Object.defineProperty(process, 'stdin', stdin);
  vi.restoreAllMocks();
});

it.each([
  ['y\n', true],
  ['YES \n', true],
  ['\n', false],
  ['n\n', false],
  ['yesterday\n', false],
  ['', false],
])('row 2: %j to a question is %s', async (typed, expected) => {
  const input = new PassThrough();
  Object.defineProperty(process, 'stdin', { value: input, configurable: true });
  const asked = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const answer = confirm('Go on?');
  input.end(typed);
  expect(await answer).toBe(expected);
  expect(asked.mock.calls.join('')).toContain('Go on? [y/N] ');
});

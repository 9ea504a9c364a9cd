import { stripVTControlCharacters } from 'node:util';
import { UsageError } from '@cipherformer/base';
import { ServiceError } from '@cipherformer/client';
import { OtherRunError } from '@cipherformer/nn';
import { ShareError } from '@cipherformer/runtime/client';
import { describe, expect, it, vi } from 'vitest';
import { CheckFailedError, reportError } from '../../src/terminal/errors.ts';
import { InterruptedError } from '../../src/terminal/interrupt.ts';

function reported(error: unknown): [number, string] {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const exit = reportError(error);
    return [exit, stripVTControlCharacters(written.mock.calls.join(''))];
  } finally {
    written.mockRestore();
  }
}

describe('errors on the terminal', () => {
  it.each([
    [new ShareError('no'), 1, 'error[not-shareable] no\n'],
    [new UsageError('no'), 2, 'error[bad-usage] no\n'],
    [new CheckFailedError('no', { found: 1 }), 3, 'error[check-failed] no\n'],
    [new InterruptedError('no'), 130, 'error[interrupted] no\n'],
  ])('%s ends with its code', (error, exit, text) => {
    expect(reported(error)).toEqual([exit, text]);
  });

  it('are told by their code: one of another copy of a package, under any name', () => {
    const copy = Object.assign(new Error('no'), { name: 'X', code: 'bad-usage', hint: 'y' });
    expect(reported(copy)).toEqual([2, 'error[bad-usage] no\nhint y\n']);
  });

  it('show a hint that the message does not hold, once', () => {
    const refusal = (message: string, hint?: string) =>
      new ServiceError({ message, hint, problem: 'queue-full', status: 429 });
    expect(reported(refusal('full', 'wait'))[1]).toBe('error[service-refused] full\nhint wait\n');
    expect(reported(refusal('full: wait', 'wait'))[1]).toBe('error[service-refused] full: wait\n');
    expect(reported(refusal('full', ''))[1]).toBe('error[service-refused] full\n');
    expect(reported(refusal('full'))[1]).toBe('error[service-refused] full\n');
  });

  it('are one object on stdout for a tool, with what was found nevertheless', () => {
    const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const json = (error: unknown) => {
      printed.mockClear();
      const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const exit = reportError(error, ['--json']);
      written.mockRestore();
      return [exit, JSON.parse(printed.mock.calls.join(''))];
    };
    const hint = 'call it as the message says';
    expect(json(new UsageError('no'))).toEqual([2, { error: { code: 'bad-usage', message: 'no', hint } }]);
    expect(json(new UsageError('no', { hint: 'so' }))).toEqual([2, { error: { code: 'bad-usage', message: 'no', hint: 'so' } }]);
    expect(json(new CheckFailedError('no', { results: [] }))).toEqual([3, { results: [], error: { code: 'check-failed', message: 'no', hint: expect.any(String) } }]);
    expect(json(new InterruptedError('no'))[0]).toBe(130);
    expect(json(new RangeError('odd'))).toEqual([1, { error: { code: 'internal', message: 'odd', hint: expect.any(String) } }]);
    printed.mockRestore();
  }); // biome-ignore format: one case a line

  it('name the options of the command line, which libraries do not', () => {
    expect(reported(new OtherRunError('no'))[1]).toMatch(/^error\[other-run\] no\nhint --out .*--restart/);
  });

  it('of any other kind are faults: they show their stack', () => {
    const fault = Object.assign(new RangeError('odd'), { code: 'ENOENT' });
    const [exit, text] = reported(fault);
    expect([exit, text]).toEqual([1, expect.stringMatching(/^error RangeError: odd\n {4}at /)]);
    expect(reported('text')).toEqual([1, 'error text\n']);
  });

  it('obey no control characters of strangers', () => {
    expect(reported(new UsageError('a\u0007b'))[1]).not.toContain('\u0007');
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';

const header = readFileSync(new URL('../../native/operations.hpp', import.meta.url), 'utf8');

/** kRingCreate = 0, ... as ringCreate -> 0 */
function codesOf(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/\bk([A-Z]\w*) = (\d+)/g)].map(([, name, code]) => [
      name![0]!.toLowerCase() + name!.slice(1),
      Number(code),
    ]),
  );
}

describe('operation codes', () => {
  it('are the same in C++ and TypeScript', () => {
    expect(codesOf(header)).toEqual(Op);
  });

  it('are all different', () => {
    expect(new Set(Object.values(Op)).size).toBe(Object.values(Op).length);
  });

  it('would be seen to differ', () => {
    expect(codesOf('kAdd = 4,\n  kNttForward = 3,')).toEqual({ add: 4, nttForward: 3 });
  });
});

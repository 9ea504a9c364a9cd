import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apart, decimals, gib, significant } from '../src/index.ts';

describe('a number and the limit that it misses', () => {
  it('have the digits asked for where these tell them apart, and more where not', () => {
    expect(apart(5.5 * 2 ** 30, 4 * 2 ** 30, gib, 2)).toEqual(['5.50 GiB', '4.00 GiB']);
    expect(apart(2 ** 32 + 1, 2 ** 32, gib, 2)).toEqual(['4.000000001 GiB', '4.000000000 GiB']);
    expect(apart(1730.04, 1730, decimals, 1)).toEqual(['1730.04', '1730']);
    expect(apart(0.5000001, 0.5, significant, 3)).toEqual(['0.5000001', '0.5']);
    expect(apart(-0.5000001, -0.5, significant, 3)).toEqual(['-0.5000001', '-0.5']);
  });

  it('are printed alike where they are equal, and always end', () => {
    expect(apart(2, 2, decimals, 1)).toEqual(['2', '2']);
    expect(apart(Number.NaN, 2, significant, 3)).toEqual(['NaN', '2']);
    expect(apart(Number.POSITIVE_INFINITY, 2.04, decimals, 1)).toEqual(['Infinity', '2']);
    expect(apart(0, -0, decimals, 1)).toEqual(['0', '0']);
  });

  it('differ, and keep their order, however close they are', () => {
    const close = fc.tuple(
      fc.double({ min: 1e-6, max: 1e12, noNaN: true }),
      fc.double({ min: 0, max: 1e-2, noNaN: true }),
    );
    fc.assert(
      fc.property(
        close,
        fc.constantFrom(significant, decimals),
        fc.integer({ min: 1, max: 4 }),
        ([limit, share], print, digits) => {
          const value = limit * (1 + share);
          fc.pre(value > limit);
          const [above, below] = apart(value, limit, print, digits).map(Number);
          expect(above).toBeGreaterThan(below!);
          // So the value may also be printed in full.
          expect(value).toBeGreaterThan(below!);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (bytes) => {
        const [above, below] = apart(bytes + 1, bytes, gib, 2);
        expect(Number.parseFloat(above)).toBeGreaterThan(Number.parseFloat(below));
      }),
    );
  });
});

// Parameters: their primes, and how polynomials are cut into digits for key switching.
import { describe, expect, it } from 'vitest';
import { bootstrapLiteral } from '../../src/circuits/index.ts';
import { isPrime } from '../../src/ring/index.ts';
import { digitSizesAt, keySwitchTransforms, NoiseModel, Parameters } from '../../src/scheme/index.ts';
import { smallLiteral } from './support.ts';

const sets: [string, Parameters][] = [
  ['small', Parameters.from(smallLiteral, { insecure: true })],
  ['bootstrapping', Parameters.from(bootstrapLiteral())],
  ['one level', Parameters.from({ logN: 12, chainBits: [50], specialBits: [50], scaleBits: 40 })],
];

describe.each(sets)('%s', (_, parameters) => {
  const { primes, literal, maxLevel } = parameters;
  const levels = Array.from({ length: maxLevel + 1 }, (_, level) => level);

  it('primes are distinct, 1 modulo 2N, of the asked size to a hundredth of a bit', () => {
    expect(new Set(primes).size).toBe(primes.length);
    [...literal.chainBits, ...literal.specialBits].forEach((bits, i) => {
      expect(isPrime(BigInt(primes[i]!))).toBe(true);
      expect(primes[i]! % (2 * parameters.n)).toBe(1);
      expect(Math.abs(Math.log2(primes[i]!) - bits)).toBeLessThan(0.01);
      expect(primes[i]!).toBeLessThan(2 ** 50);
    });
  });

  it('no digit’s product exceeds the special primes’, and digits cover the level', () => {
    const bits = (from: number, count: number) =>
      primes.slice(from, from + count).reduce((sum, p) => sum + Math.log2(p), 0);
    for (const level of levels) {
      const { special, digitSizes } = parameters.gadget(level);
      let from = 0;
      for (const size of digitSizes) {
        expect(bits(from, size)).toBeLessThanOrEqual(bits(maxLevel + 1, special) + 0.01);
        from += size;
      }
      expect(from).toBe(level + 1);
    }
  });

  it('so that key errors stay within 16 roundings a limb, in variance, at every level', () => {
    const model = new NoiseModel(parameters);
    for (const level of levels) {
      // N 10.5 k / 12 for a full digit of k limbs, against N / 18.
      const limbs = parameters.gadget(level).digitSizes.reduce((a, b) => a + b, 0);
      expect(model.switchingErrors(level) / model.rounding()).toBeLessThan(16 * limbs);
    }
  });

  it('a key of a higher level fits below: its digits, cut, are those of the lower level', () => {
    for (let special = 1; special <= parameters.specialCount; special++) {
      const top = parameters.gadgetWith(maxLevel, special);
      if (!top) continue;
      for (const level of levels)
        expect(digitSizesAt(top, level)).toEqual(parameters.gadgetWith(level, special)!.digitSizes);
    }
  });

  it('the gadget chosen is the cheapest', () => {
    for (const level of levels) {
      const chosen = keySwitchTransforms(level, parameters.gadget(level));
      for (let special = 1; special <= parameters.specialCount; special++) {
        const other = parameters.gadgetWith(level, special);
        if (other) expect(chosen).toBeLessThanOrEqual(keySwitchTransforms(level, other));
      }
    }
  });

  it('log2 of moduli add up', () => {
    for (const level of levels)
      expect(parameters.logQ(level)).toBeCloseTo(
        literal.chainBits.slice(0, level + 1).reduce((a, b) => a + b, 0),
        1,
      );
    expect(parameters.logQP).toBeCloseTo(
      [...literal.chainBits, ...literal.specialBits].reduce((a, b) => a + b, 0),
      1,
    );
  });
});

it('equal literals give equal digests, and anything that matters changes them', () => {
  const digest = (changes: Partial<typeof smallLiteral>) =>
    Parameters.from({ ...smallLiteral, ...changes }, { insecure: true }).digest;
  expect(digest({})).toBe(digest({}));
  const others = [
    digest({}),
    digest({ logN: 10 }),
    digest({ scaleBits: 39 }),
    digest({ chainBits: smallLiteral.chainBits.slice(1) }),
    digest({ specialBits: [50] }),
    digest({ chainBits: [...smallLiteral.chainBits, 50], specialBits: [50] }),
  ];
  expect(new Set(others).size).toBe(others.length);
});

// Seeds derived from a master: against Node's own HKDF, field by field, and against vectors that pin this version.
import { hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Context,
  type DigitInfo,
  derivationVersion,
  digitInfo,
  KeyError,
  loadKernels,
  Parameters,
  SecretKey,
  samplerVersion,
} from '../../src/index.ts';
import { deriveSeed, extractMaster, infoBytes, keyIdInfo, secretInfo } from '../../src/scheme/seeds/derivation.ts';
import vectors from './derivation-vectors.json' with { type: 'json' };

const literal = { logN: 10, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 };
const parameters = Parameters.from(literal, { insecure: true });
const otherParameters = Parameters.from({ ...literal, chainBits: [50, 40, 40, 40] }, { insecure: true });
const context = new Context(parameters, await loadKernels({ threads: 1 }), { insecure: true });
const master = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const base: DigitInfo = {
  role: 'galois',
  under: { secret: 'dense', automorphism: 77, power: 1 },
  message: { secret: 'dense', automorphism: 1, power: 1 },
  galois: 5,
  level: 3,
  gadget: { special: 2, digitSizes: [2, 2] },
  digit: 1,
  half: 'a',
};
/** The base with one field alone another. */
const neighbours: Record<string, DigitInfo> = {
  role: { ...base, role: 'toDense' },
  'secret under which': { ...base, under: { ...base.under, secret: 'sparse' } },
  'automorphism under which': { ...base, under: { ...base.under, automorphism: 79 } },
  'power under which': { ...base, under: { ...base.under, power: 2 } },
  'secret of the message': { ...base, message: { ...base.message, secret: 'sparse' } },
  'automorphism of the message': { ...base, message: { ...base.message, automorphism: 3 } },
  'power of the message': { ...base, message: { ...base.message, power: 2 } },
  'Galois element': { ...base, galois: 25 },
  level: { ...base, level: 2 },
  'special primes': { ...base, gadget: { ...base.gadget, special: 1 } },
  'number of digits': { ...base, gadget: { ...base.gadget, digitSizes: [2, 2, 1] } },
  'size of a digit': { ...base, gadget: { ...base.gadget, digitSizes: [1, 3] } },
  'size of another digit': { ...base, gadget: { ...base.gadget, digitSizes: [2, 1] } },
  digit: { ...base, digit: 0 },
};

const seedOf = (info: Uint8Array) => hex(deriveSeed(extractMaster(master), info));

describe('seeds from a master', () => {
  it('are HKDF with SHA-256, as another implementation computes it', () => {
    const salt = Buffer.from('cipherformer master, version 2');
    for (const info of [secretInfo(parameters, 'dense'), secretInfo(parameters, 'sparse'), keyIdInfo(parameters), digitInfo(parameters, base)])
      expect(seedOf(info)).toBe(hex(new Uint8Array(hkdfSync('sha256', master, salt, info, 32))));
  }); // biome-ignore format: a list

  it('differ in both halves where any field alone differs', () => {
    const seen = new Map<string, string>();
    for (const [name, of] of Object.entries({ base, ...neighbours }))
      for (const half of ['a', 'e'] as const) {
        const seed = seedOf(digitInfo(parameters, { ...of, half }));
        expect(seen.get(seed), `${name}, ${half}`).toBeUndefined();
        seen.set(seed, name);
      }
    const others = [
      digitInfo(otherParameters, base),
      secretInfo(parameters, 'dense'),
      secretInfo(parameters, 'sparse'),
      secretInfo(otherParameters, 'dense'),
      keyIdInfo(parameters),
    ];
    for (const info of others) expect(seen.has(seedOf(info))).toBe(false);
    expect(new Set(others.map(hex)).size).toBe(others.length);
  });

  it('come from an info of fixed width that no two digits share', () => {
    const path = fc.record({
      secret: fc.constantFrom('dense' as const, 'sparse' as const),
      automorphism: fc.nat(2 ** 32 - 1),
      power: fc.constantFrom(1 as const, 2 as const),
    });
    const digits = fc.record({
      role: fc.constantFrom('relinearisation' as const, 'galois' as const, 'toSparse' as const, 'toDense' as const),
      under: path,
      message: path,
      galois: fc.nat(2 ** 32 - 1),
      level: fc.nat(2 ** 16 - 1),
      gadget: fc.record({ special: fc.nat(255), digitSizes: fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 20 }) }),
      digit: fc.nat(127),
      half: fc.constantFrom('a' as const, 'e' as const),
    });
    fc.assert(
      fc.property(digits, digits, (one, two) => {
        const [a, b] = [digitInfo(parameters, one), digitInfo(parameters, two)];
        expect([a.length, b.length]).toEqual([infoBytes, infoBytes]);
        expect(hex(a) === hex(b)).toBe(JSON.stringify(one) === JSON.stringify(two));
        expect(hex(digitInfo(parameters, structuredClone(one)))).toBe(hex(a));
      }),
    );
  }); // biome-ignore format: records

  it('refuse a number that does not fit its field rather than wrap around', () => {
    for (const wrong of [{ level: 2 ** 16 }, { digit: -1 }, { galois: 2 ** 32 }, { level: 1.5 }, { digit: Number.NaN }])
      expect(() => digitInfo(parameters, { ...base, ...wrong })).toThrow(RangeError);
  });

  it('are those of this version: a change of any needs a new version', () => {
    expect({ derivationVersion, samplerVersion }).toEqual(vectors.versions);
    expect(parameters.digest).toBe(vectors.parameters);
    expect(hex(digitInfo(parameters, base))).toBe(vectors.info);
    expect(seedOf(secretInfo(parameters, 'dense'))).toBe(vectors.dense);
    expect(seedOf(secretInfo(parameters, 'sparse'))).toBe(vectors.sparse);
    expect(seedOf(digitInfo(parameters, base))).toBe(vectors.a);
    expect(seedOf(digitInfo(parameters, { ...base, half: 'e' }))).toBe(vectors.e);
    using secret = SecretKey.fromMaster(context, master);
    expect(secret.id).toBe(vectors.keyId);
  });
});

describe('a secret key from a master', () => {
  it('is the same again, another under other parameters, and has its own sparse secret', () => {
    using one = SecretKey.fromMaster(context, master);
    using two = SecretKey.fromMaster(context, master);
    const words = (key: SecretKey) => hex(context.kernels.view(key.limb(), 8 * context.ring.n));
    expect(words(two)).toBe(words(one));
    using shorter = new Context(otherParameters, context.kernels, { insecure: true });
    using other = SecretKey.fromMaster(shorter, master);
    expect(words(other)).not.toBe(words(one));
    expect(other.id).not.toBe(one.id);
    using sparse = one.sparse();
    expect(sparse.weight).toBe(32);
    expect(words(sparse)).not.toBe(words(one));
    expect(sparse.version).toBe(1);
  });

  it('never uses the master as the seed of its polynomial', () => {
    using derived = SecretKey.fromMaster(context, master);
    using raw = new SecretKey(context, master);
    const words = (key: SecretKey) => hex(context.kernels.view(key.limb(), 8 * context.ring.n));
    expect(words(raw)).not.toBe(words(derived));
  });

  it('of version 1 derives nothing, and says what to do', () => {
    using raw = new SecretKey(context, master);
    expect(() => raw.sparse()).toThrow(KeyError);
    expect(() => raw.derive(digitInfo(parameters, base))).toThrow(/version 1.*make a new one/);
  });

  it('of another length is refused, and an erased one derives nothing', () => {
    expect(() => SecretKey.fromMaster(context, new Uint8Array(31))).toThrow(/32 bytes, not 31/);
    const gone = SecretKey.fromMaster(context, master);
    gone[Symbol.dispose]();
    expect(() => gone.derive(digitInfo(parameters, base))).toThrow(KeyError);
    expect(() => gone.id).toThrow(KeyError);
    expect(() => gone.exportBytes()).toThrow(KeyError);
  });
});

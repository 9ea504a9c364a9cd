// Evaluation keys as parts, from a master: the same bytes from every build, used on the other side, damaged in every way.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BootstrapKeys,
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  bootstrapLiteral,
  type Ciphertext,
  CkksError,
  Context,
  Decryptor,
  decryptToPlaintext,
  Encoder,
  Evaluator,
  encryptSymmetric,
  gadgetOf,
  type Kernels,
  KeyDigits,
  type KeyPart,
  KeyPartMaker,
  type KeySpec,
  keyMemoryBytes,
  keyParts,
  keyWireBytes,
  maxPartBytes,
  nameOfPart,
  ParameterError,
  Parameters,
  partHeaderBytes,
  readKeyPartHeader,
  readKeySet,
  SecretKey,
  secretPaths,
  switchingKeyWords,
  verifyKeySet,
  WireError,
} from '../../src/index.ts';
import { digitInfo } from '../../src/scheme/index.ts';
import { builds, kernelsOf } from '../kernels/support.ts';
import pinned from './key-parts-vectors.json' with { type: 'json' };
import { Ledger } from './ledger.ts';
import { pinnedMaster as master, rotation, pinnedSpecs as specs } from './pinned-parts.ts';
import { contextOf, failure, flipped, kernels, small } from './support.ts';

const secret = SecretKey.fromMaster(small, master);
const maker = (specs: readonly KeySpec[], key = secret) => new KeyPartMaker(key, specs);
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
afterAll(() => secret[Symbol.dispose]());

describe('the parts of a set', () => {
  it('follow from the plan alone: whole limbs, at most 8 MiB, bytes known before', () => {
    const parameters = Parameters.from(bootstrapLiteral());
    const all = keyParts(parameters, new BootstrapPlan(parameters).keySpecs());
    expect(all.length).toBeGreaterThan(120);
    for (const { bytes, from, to } of all) {
      expect(bytes).toBeLessThanOrEqual(maxPartBytes);
      expect(to).toBeGreaterThan(from);
    }
    // Even: none is a rest of a few limbs beside a full one.
    const sizes = all.filter(({ spec }) => spec.level === parameters.maxLevel).map(({ bytes }) => bytes);
    expect(Math.min(...sizes)).toBeGreaterThan(0.75 * Math.max(...sizes));
    expect(new Set(all.map(nameOfPart)).size).toBe(all.length);
  });

  it('have the bytes that were counted', () => {
    using made = maker(specs);
    const sizes = made.parts.map((part) => [made.make(part).length, part.bytes]);
    for (const [length, predicted] of sizes) expect(length).toBe(predicted);
    expect(keyWireBytes(small.parameters, specs)).toBe(sizes.reduce((sum, [length]) => sum + length!, 0));
  });

  it('are the same bytes in any order, each time, by any build, in fresh memory', () => {
    const wanted = new Map<string, string>();
    using first = maker(specs);
    for (const part of first.parts) wanted.set(nameOfPart(part), hash(first.make(part)));
    expect(first.make(first.parts[0]!).buffer).not.toBe(first.make(first.parts[0]!).buffer);
    expect(builds.length).toBeGreaterThan(2);
    for (const build of builds) {
      const context = new Context(small.parameters, kernelsOf(build), { insecure: true });
      using again = SecretKey.fromMaster(context, master);
      using made = maker([...specs].reverse(), again);
      for (const part of [...made.parts].reverse())
        expect(hash(made.make(part)), `${build}: ${nameOfPart(part)}`).toBe(wanted.get(nameOfPart(part)));
    }
  });

  it('are those of this version of the derivation: a change of bytes needs a new version', () => {
    using made = maker(specs);
    expect(Object.fromEntries(made.parts.map((part) => [nameOfPart(part), hash(made.make(part))]))).toEqual(pinned);
  });
});

describe('one seed serves one message', () => {
  it('over retries, orders, programs, chains, gadgets and builds', () => {
    const ledger = new Ledger();
    const chains = [
      { logN: 10, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 },
      { logN: 10, chainBits: [50, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 },
      { logN: 10, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50, 50], scaleBits: 40 },
      { logN: 10, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50], scaleBits: 30 },
      { logN: 11, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 },
    ];
    for (const build of builds)
      for (const literal of chains) {
        const context = new Context(Parameters.from(literal, { insecure: true }), kernelsOf(build), { insecure: true });
        using key = SecretKey.fromMaster(context, master);
        const { maxLevel } = context.parameters;
        const programs = [specs, [...specs].reverse(), [rotation(7, 1, 2, literal.logN), ...specs.slice(0, 3)]];
        for (const program of programs) {
          using digits = new KeyDigits(key);
          for (const spec of program.filter(({ level }) => level <= maxLevel))
            for (const digit of gadgetOf(context.parameters, spec).digitSizes.keys()) ledger.make(key, digits, spec, digit);
        }
      }
    expect(ledger.size).toBeGreaterThan(100);
  }, 120_000); // biome-ignore format: lists

  it('and the ledger would throw on a second value', () => {
    const ledger = new Ledger();
    const info = digitInfo(small.parameters, { ...specs[2]!, ...secretPaths(small.parameters, specs[2]!), gadget: gadgetOf(small.parameters, specs[2]!), digit: 0, half: 'e' }); // biome-ignore format: one call
    const seed = secret.derive(info);
    ledger.note(seed, 'one message');
    ledger.note(seed, 'one message');
    expect(() => ledger.note(seed, 'another')).toThrow(/second message/);
  });
});

type Arguments = Kernels['call'] extends (...args: infer A) => unknown ? A : never;

describe('a part that could not be made', () => {
  it('leaves nothing behind that the next one would take for its own', () => {
    using made = maker(specs);
    const [first] = made.parts.filter(({ spec }) => spec.role === 'relinearisation') as [KeyPart];
    const [other] = made.parts.filter(({ spec }) => spec.role === 'galois') as [KeyPart];
    const [wanted, neighbour] = [hash(made.make(first)), hash(made.make(other))];
    // Memory ends in the middle of the work: what was there before is partly written over.
    for (let calls = 0; calls < 2; calls++) {
      const call = kernels.call.bind(kernels);
      let left = calls;
      kernels.call = ((...args: Arguments) => {
        const result = call(...args);
        if (left-- === 0) throw new Error('no memory');
        return result;
      }) as typeof call;
      try {
        expect(() => made.make(first)).toThrow('no memory');
      } finally {
        kernels.call = call;
      }
      expect(hash(made.make(first))).toBe(wanted);
      expect(hash(made.make(other))).toBe(neighbour);
    }
  });

  it('is not made of memory that was given back', () => {
    const made = maker(specs);
    const [part] = made.parts as [KeyPart];
    made.make(part);
    made[Symbol.dispose]();
    expect(() => made.make(part)).toThrow(/released|disposed/);
  });
});

describe('keys from parts', () => {
  it('rotate, conjugate and relinearise on the other side', async () => {
    using made = maker(specs);
    const other = new Context(small.parameters, kernels, { insecure: true });
    const steps: string[] = [];
    using keys = await readKeySet(other, specs, async (part) => made.make(part), {
      progress: ({ what, done, total }) => steps.push(`${what} ${done}/${total}`),
    });
    expect(steps.at(-1)).toBe(`keys ${made.parts.length}/${made.parts.length}`);
    expect(keys.bytes).toBe(keyMemoryBytes(small.parameters, specs));
    const values = Array.from({ length: 512 }, (_, i) => i / 512 - 0.5);
    using plaintext = new Encoder(other).encode(values);
    using own = SecretKey.fromMaster(other, master);
    using fresh = encryptSymmetric(own, plaintext).ciphertext;
    const evaluator = new Evaluator(other, keys.evaluation);
    const opened = (ciphertext: Ciphertext) => new Encoder(small).decode(decryptToPlaintext(secret, ciphertext)).real;
    const rotated = opened(evaluator.rotate(fresh, 1));
    expect(Math.max(...rotated.map((x, i) => Math.abs(x - values[(i + 1) % 512]!)))).toBeLessThan(1e-6);
    const squared = opened(evaluator.multiply(fresh, fresh));
    expect(Math.max(...squared.map((x, i) => Math.abs(x - values[i]! ** 2)))).toBeLessThan(1e-6);
  });

  it('bootstrap', async () => {
    const context = contextOf(
      bootstrapLiteral({ logN: 10, userLevels: 2, scaleBits: 40, wideBits: 50, slotsToCoeffsLevels: 3, coeffsToSlotsLevels: 4, specialCount: 5 }),
    ); // biome-ignore format: short
    const plan = new BootstrapPlan(context.parameters);
    using key = SecretKey.fromMaster(context, master);
    using made = new KeyPartMaker(key, plan.keySpecs());
    using keys = await readKeySet(context, plan.keySpecs(), async (part) => made.make(part));
    expect(keys.bytes).toBe(plan.keyBytes);
    using matrices = new BootstrapMatrices(context, plan);
    const bootstrapper = new Bootstrapper(matrices, keys as BootstrapKeys);
    const values = Array.from({ length: 512 }, (_, i) => Math.sin(i));
    using plaintext = new Encoder(context).encode(values, undefined, { level: plan.inputLevel });
    using fresh = encryptSymmetric(key, plaintext).ciphertext;
    using refreshed = bootstrapper.real(fresh);
    using opened = new Decryptor(key).decrypt(refreshed);
    const { real } = opened.reveal();
    expect(refreshed.level).toBe(plan.outputLevel);
    expect(Math.max(...real.map((x, i) => Math.abs(x - values[i]!)))).toBeLessThan(2 ** -8);
  });

  it('stop when they are told to, and leave no memory behind', async () => {
    using made = maker(specs);
    for (const part of made.parts) made.make(part);
    const before = kernels.memory().slabs;
    const stop = new AbortController();
    const reading = readKeySet(small, specs, async (part, i) => {
      if (i === 3) stop.abort(new RangeError('enough'));
      return made.make(part);
    }, { signal: stop.signal }); // biome-ignore format: short
    await expect(reading).rejects.toThrow('enough');
    expect(kernels.memory().slabs).toBe(before);
  });
});

describe('what is not a part of this set', () => {
  let bytes: Uint8Array;
  let part: KeyPart;
  let slabs = 0;
  beforeAll(() => {
    using made = maker(specs);
    part = made.parts.find(({ spec }) => spec.role === 'galois')!;
    bytes = made.make(part);
  });
  beforeAll(() => {
    slabs = kernels.memory().slabs;
  });
  afterAll(() => expect(kernels.memory().slabs).toBe(slabs));
  const header = (of: Uint8Array) => readKeyPartHeader(small.parameters, of, 'the part');
  const read = (change: (made: Uint8Array, index: number) => Uint8Array | Promise<Uint8Array>) => {
    const made = maker(specs);
    return failure(
      verifyKeySet(small, specs, async (one, index) => change(made.make(one), index)).finally(() => made[Symbol.dispose]()),
    );
  }; // biome-ignore format: short

  it('a header with any bit another, or cut anywhere', () => {
    expect(header(bytes)).toMatchObject(part);
    const seedAt = 64;
    for (let bit = 0; bit < 8 * partHeaderBytes; bit++) {
      const changed = flipped(bytes, bit);
      try {
        // A seed may be anything; another legal key or place is told apart by who expects this one.
        const found = header(changed);
        if (nameOfPart(found) === nameOfPart(part)) expect(Math.floor(bit / 8)).toBeGreaterThanOrEqual(seedAt - 4);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
    for (let length = 0; length < bytes.length; length += length < 200 ? 1 : 997)
      expect(() => header(bytes.subarray(0, length))).toThrow(WireError);
    expect(() => header(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow(/has \d+ bytes, its limbs take/);
  });

  it('any header gives a typed error or a part of these parameters', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(partHeaderBytes - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const changed = bytes.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        try {
          expect(keyParts(small.parameters, [header(changed).spec]).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(CkksError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('one in the place of another, of other parameters, a secret key, a residue too large, two seeds in a digit', async () => {
    const swapped = await read((made, index) => (index === 2 ? bytes : made));
    expect(swapped.message).toMatch(/part 3 of \d+ of the evaluation keys holds galois.*expected toDense/);
    const chain = contextOf({ logN: 10, chainBits: [50, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 });
    expect(() => readKeyPartHeader(chain.parameters, bytes, 'it')).toThrow(/made for parameters/);
    const wide = await read((made, index) => {
      if (index === 1) made.fill(0xff, made.length - 7);
      return made;
    });
    expect(wide.message).toMatch(/residue 1023 of limb \d+ is not below its prime/);
    expect(() => header(Uint8Array.of(0x89, 0x43, 0x46, 0x57, 13, 10, 26, 10, 2, 0, 2, 0))).toThrow(WireError);
  });

  it('a set with a part that says another seed than its digit', async () => {
    // A digit of two parts needs more than 8 MiB.
    const big = contextOf({ logN: 16, chainBits: Array<number>(25).fill(50), specialBits: [50], scaleBits: 40 });
    using key = SecretKey.fromMaster(big, master);
    const spec: KeySpec = { role: 'relinearisation', galois: 1, level: 24, special: 1 };
    using made = new KeyPartMaker(key, [spec]);
    expect(made.parts[1]).toMatchObject({ digit: 0 });
    expect(made.parts[1]!.from).toBeGreaterThan(0);
    const error = await failure(
      verifyKeySet(big, [spec], async (one, index) => {
        const data = made.make(one);
        if (index === 1) data[70]! ^= 1;
        return data;
      }),
    );
    expect(error.message).toMatch(/another seed than the rest/);
  }, 60_000);
});

describe('row 1: keys that may not be made from a secret', () => {
  const good = rotation(1, 2, 1);
  const bad: Record<string, KeySpec> = {
    'an even Galois element': { ...good, galois: 2 },
    'the Galois element 0': { ...good, galois: 0 },
    'a Galois element of 2N + 1': { ...good, galois: 2049 },
    'a negative one': { ...good, galois: -3 },
    'a broken one': { ...good, galois: 2.5 },
    'no automorphism for a rotation': { ...good, galois: 1 },
    'an automorphism for a product': { ...good, role: 'relinearisation' },
    'an automorphism for the sparse secret': { role: 'toSparse', galois: 3, level: 0, special: 1 },
    'the sparse secret above level 0': { role: 'toSparse', galois: 1, level: 1, special: 1 },
    'the sparse secret under two special primes': { role: 'toSparse', galois: 1, level: 0, special: 2 },
    'a level that does not exist': { ...good, level: 5 },
    'a level below 0': { ...good, level: -1 },
    'no special primes': { ...good, special: 0 },
    'more than there are': { ...good, special: 3 },
    'a role that does not exist': { ...good, role: 'publish' as KeySpec['role'] },
    'a role of Object': { ...good, role: 'constructor' as KeySpec['role'] },
  };
  it.each(Object.entries(bad))('%s', (_, spec) => {
    expect(() => keyParts(small.parameters, [spec])).toThrow(ParameterError);
    expect(() => maker([good, spec])).toThrow(ParameterError);
    using digits = new KeyDigits(secret);
    expect(() => digits.make(spec, 0)).toThrow(ParameterError);
  });
});

it('a set takes half of its keys’ memory on the wire, and less', () => {
  const words = specs.reduce((sum, spec) => sum + switchingKeyWords(1024, spec.level, gadgetOf(small.parameters, spec)), 0);
  expect(keyWireBytes(small.parameters, specs)).toBeLessThan((8 * words * 50) / 64 / 2 + specs.length * 5 * partHeaderBytes);
}); // biome-ignore format: short

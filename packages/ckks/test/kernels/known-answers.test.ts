// Recomputes every known answer of the self-test with the reference, and checks that a build which errs is caught.
// CIPHERFORMER_WRITE_KNOWN_ANSWERS=1 writes src/kernels/known-answers.ts anew.
import { createCipheriv } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type KernelArgument, Op, selfTest } from '../../src/kernels/index.ts';
import { knownAnswers } from '../../src/kernels/known-answers.ts';
import {
  digest,
  selfTestBases,
  selfTestGalois,
  selfTestLogN,
  selfTestNames,
  selfTestPolynomial,
  selfTestPrimes,
  selfTestScalars,
  selfTestSeed,
  selfTestSlots,
} from '../../src/kernels/selftest.ts';
import * as reference from '../reference/index.ts';
import { builds, kernelsOf } from './support.ts';

const ring = reference.referenceRing(
  selfTestLogN,
  selfTestPrimes.map((p) => BigInt(p)),
);
const { all, q, special, digits } = selfTestBases;
const scalars = selfTestScalars.map((s) => BigInt(s));

/** The keystream by definition: AES-256 of (stream, block number), both little-endian. */
function* keystream(stream: number): Generator<bigint> {
  const aes = createCipheriv('aes-256-ecb', selfTestSeed, null).setAutoPadding(false);
  for (let block = 0n; ; block += 1n) {
    const counter = Buffer.alloc(16);
    counter.writeBigUInt64LE(BigInt(stream), 0);
    counter.writeBigUInt64LE(block, 8);
    const bytes = aes.update(counter);
    yield bytes.readBigUInt64LE(0);
    yield bytes.readBigUInt64LE(8);
  }
}

function take(count: number, words: Iterable<bigint>): bigint[] {
  const taken: bigint[] = [];
  for (const word of words) {
    if (taken.length === count) break;
    taken.push(word);
  }
  return taken;
}

function uniform(stream: number, p: bigint): bigint[] {
  const mask = (1n << BigInt(p.toString(2).length)) - 1n;
  const residues: bigint[] = [];
  for (const word of keystream(stream)) {
    if (residues.length === ring.n) break;
    if ((word & mask) < p) residues.push(word & mask);
  }
  return residues;
}

/** The polynomial whose value at exp(2 pi i 5^k / 2N) is slot k times the scale, by the inverse transform's definition. */
function encode(scale: number): bigint[] {
  const { re, im } = selfTestSlots();
  const twoN = 2 * ring.n;
  return Array.from({ length: ring.n }, (_, j) => {
    let sum = 0;
    for (let k = 0, power = 1; k < re.length; k += 1, power = (power * 5) % twoN) {
      const angle = (2 * Math.PI * ((power * j) % twoN)) / twoN;
      sum += re[k]! * Math.cos(angle) + im[k]! * Math.sin(angle);
    }
    return BigInt(Math.round((2 * scale * sum) / ring.n));
  });
}

const a = (sequence: number, basis: readonly number[] = all) => selfTestPolynomial(sequence, basis);
const pointwise = (x: reference.Poly, y: reference.Poly, f: (u: bigint, v: bigint) => bigint) =>
  reference.pointwise(ring, all, x, y, f);
const { add, subtract, multiply } = reference;

function key(): reference.ReferenceKey {
  const half = (d: number, h: number) => a(20 + 2 * d + h, [...q, ...special]);
  return { qLimbs: q.length, digits: digits.map((_, d) => [half(d, 0), half(d, 1)] as const) };
}

const expected: Record<string, () => Iterable<reference.Limb>> = {
  'ntt.forward': () => reference.toValues(ring, a(1), all),
  'ntt.inverse': () => reference.toCoefficients(ring, a(1), all),
  'pointwise.add': () => pointwise(a(1), a(2), add),
  'pointwise.subtract': () => pointwise(a(1), a(2), subtract),
  'pointwise.negate': () => pointwise(a(1), a(1), (x) => -x),
  'pointwise.multiply': () => pointwise(a(1), a(2), multiply),
  'scalar.multiply': () => reference.scale(ring, all, a(1), scalars),
  'scalar.add': () =>
    pointwise(
      a(1),
      a(1).map((limb, j) => limb.map(() => scalars[j]!)),
      add,
    ),
  'automorphism.rotation': () => reference.automorphism(ring, a(1), selfTestGalois.rotation),
  'automorphism.conjugation': () => reference.automorphism(ring, a(1), selfTestGalois.conjugation),
  tensor: () => [
    ...pointwise(a(1), a(3), multiply),
    ...pointwise(pointwise(a(1), a(4), multiply), pointwise(a(2), a(3), multiply), add),
    ...pointwise(a(2), a(4), multiply),
  ],
  rescale: () => reference.divide(ring, a(1, q), q.slice(0, -1), q.slice(-1)),
  modDown: () => reference.divide(ring, a(1, [0, 3, 1, 2, 4]), [0, 3], [1, 2, 4]),
  modUp: () => reference.decompose(ring, a(1, q), q, special, digits).flat(),
  raise: () => reference.raise(ring, a(1, [3]), 3, all),
  keySwitch: () =>
    reference
      .keySwitch(ring, { q, special }, key(), {
        src: a(1, q),
        add: [a(2, q), undefined],
        sizes: digits,
        galois: selfTestGalois.rotation,
        alsoDropLast: false,
      })
      .flat(),
  keystream: () => [take(ring.n, keystream(7))],
  'sample.uniform': () => all.map((j) => uniform(100 + j, ring.primes[j]!)),
  encode: () => {
    const coefficients = encode(2 ** 30);
    return reference.toValues(
      ring,
      all.map((j) => coefficients.map((c) => reference.mod(c, ring.primes[j]!))),
      all,
    );
  },
};

describe('known answers', () => {
  it('are what the reference computes', () => {
    const answers = Object.fromEntries(selfTestNames.map((name) => [name, digest([...expected[name]!()].flat())]));
    if (process.env.CIPHERFORMER_WRITE_KNOWN_ANSWERS === '1') {
      const lines = Object.entries(answers).map(
        ([name, hash]) => `  ${/\W/.test(name) ? `'${name}'` : name}: '${hash}',\n`,
      );
      writeFileSync(
        fileURLToPath(new URL('../../src/kernels/known-answers.ts', import.meta.url)),
        '// Digests of the self-test’s results as the BigInt reference computes them: written by\n' +
          '// CIPHERFORMER_WRITE_KNOWN_ANSWERS=1 npx vitest run packages/ckks/test/kernels/known-answers.test.ts\n' +
          `export const knownAnswers: Readonly<Record<string, string>> = {\n${lines.join('')}};\n`,
      );
      return;
    }
    expect(answers).toEqual(knownAnswers);
  });

  for (const build of builds) {
    it(`pass on the ${build} build`, () => {
      expect(selfTest(kernelsOf(build)).filter(({ passed }) => !passed)).toEqual([]);
    });
  }

  it('catch a build that adds where it should subtract, and one that throws', () => {
    const good = kernelsOf(builds[0]!);
    const bad = new Proxy(good, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (property !== 'call') return typeof value === 'function' ? value.bind(target) : value;
        return (op: Op, ...args: readonly KernelArgument[]) => {
          if (op === Op.tensor) throw new Error('no tensor here');
          return target.call(op === Op.subtract ? Op.add : op, ...args);
        };
      },
    });
    const failed = selfTest(bad).filter(({ passed }) => !passed);
    expect(failed.map(({ name }) => name)).toEqual(['pointwise.subtract', 'tensor']);
    expect(failed[1]!.detail).toBe('no tensor here');
  });
});

import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/errors/index.ts';
import { Op } from '../../src/kernels/index.ts';
import { boundaryRing, builds, expectWords, onEveryBuild, type Workbench } from '../kernels/support.ts';
import { Kind, putSeed, seedBytes, uniformLimbs } from './support.ts';

const ring = boundaryRing(8);
const { n, primes } = ring;
const keyPrimes = [0, 1, 2, 3, 4, 5];
const q = [0, 2, 3, 5];

/** A public key: each half its limbs of the primes 0 to 5, then that of the special prime. */
function publicKey(w: Workbench, special: number) {
  return [1, 2].map((which) => uniformLimbs(w, seedBytes(which), 0, [...keyPrimes, special]));
}

function encrypt(w: Workbench, special: number) {
  const [c0, c1] = [w.room(q.length), w.room(q.length)];
  const [k0, k1] = publicKey(w, special);
  w.kernels.call(
    Op.encryptZero, w.handle, c0.address(), c1.address(), k0!.address(), k1!.address(), keyPrimes.length + 1,
    putSeed(w, seedBytes(3)), q, special,
  ); // biome-ignore format: one kernel call
  return [c0, c1] as const;
}

/** round((v k + e) / p) by operations that have references of their own: sampled, multiplied, added, then divided. */
function composed(w: Workbench, special: number) {
  const seed = putSeed(w, seedBytes(3));
  const extended = [...q, special];
  const sample = (stream: number, kind: Kind) => {
    const slab = w.room(extended.length);
    w.kernels.call(Op.sampleSmall, w.handle, slab.address(), seed, stream, kind, 0, extended);
    return slab;
  };
  const v = sample(0, Kind.ternary);
  return publicKey(w, special).map((key, half) => {
    const sum = sample(1 + half, Kind.binomial);
    extended.forEach((prime, t) => {
      const limb = prime === special ? keyPrimes.length : prime;
      w.kernels.call(
        Op.multiplyAccumulate, w.handle, sum.address(t * n), v.address(t * n), key.address(limb * n), [prime],
      ); // biome-ignore format: one kernel call
    });
    const quotient = w.room(q.length);
    w.kernels.call(Op.divide, w.handle, q, [special], 1, quotient.address(), sum.address());
    return quotient;
  });
}

describe(`an encryption of zero by a public key on ${builds.join(', ')}`, () => {
  it.each([6, 7, 8])('is what sampling, multiplying and dividing by prime %d give, to the last bit', (special) => {
    expect(primes[special]).toBeDefined();
    onEveryBuild(ring, (w) => {
      const wanted = composed(w, special);
      encrypt(w, special).forEach((half, which) => {
        expectWords(half.wordsView(), wanted[which]!.wordsView(), `${w.kernels.build} half ${which}`);
      });
    });
  });

  it('refuses a basis that the key does not have, and a prime that is not there', () => {
    onEveryBuild(ring, (w) => {
      const dst = w.room(8).address();
      const call = (basis: readonly number[], special: number) => () =>
        w.kernels.call(Op.encryptZero, w.handle, dst, dst, dst, dst, 3, putSeed(w, seedBytes(1)), basis, special);
      expect(call([0, 2], 8)).toThrow(KernelError);
      expect(call([0, 1], primes.length)).toThrow(KernelError);
    });
  });
});

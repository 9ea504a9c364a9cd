import { type Kernels, Op, Slab } from '../../src/kernels/index.ts';
import { digest, selfTestSeed } from '../../src/kernels/selftest.ts';

const logN = 12;
// The two largest primes below 2^50 that are 1 modulo 2^14.
const primes = [1125899906826241, 1125899906629633];

/** A number that many kernel operations at a real size determine: equal in Node and in a browser, or one is wrong. */
export function fingerprint(kernels: Kernels): string {
  const ring = kernels.call(Op.ringCreate, logN, primes);
  const basis = [0, 1];
  using seed = new Slab(kernels, 4);
  seed.bytesView().set(selfTestSeed);
  using a = new Slab(kernels, 2 * 2 ** logN);
  using b = new Slab(kernels, 2 * 2 ** logN);
  kernels.call(Op.sampleUniform, ring, a.address(), seed.address(), 10, basis);
  kernels.call(Op.sampleSmall, ring, b.address(), seed.address(), 20, 2, 0, basis);
  kernels.call(Op.nttInverse, ring, a.address(), a.address(), basis);
  kernels.call(Op.multiply, ring, a.address(), a.address(), b.address(), basis);
  kernels.call(Op.nttForward, ring, a.address(), a.address(), basis);
  kernels.call(Op.divide, ring, [0], [1], 1, a.address(), a.address());
  const result = digest(a.wordsView(0, 2 ** logN));
  kernels.call(Op.ringDestroy, ring);
  return result;
}

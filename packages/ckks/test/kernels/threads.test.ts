import { describe, expect, it } from 'vitest';
import { type Kernels, Op } from '../../src/kernels/index.ts';
import { boundaryRing, builds, polynomial, Workbench } from './support.ts';

const native = builds.filter((build) => !build.startsWith('wasm'));

/** One of every call that splits its work, their results joined. */
function everything(w: Workbench): BigUint64Array[] {
  const { ring, kernels, handle } = w;
  const q = [0, 1, 2, 3, 4, 5, 6];
  const special = [7, 8];
  const all = [...q, ...special];
  const moduli = all.map((i) => ring.primes[i]!);
  const a = w.put(polynomial(ring.n, moduli, 'random', 1)).address();
  const key = w.put(Array.from({ length: 6 }, (_, i) => polynomial(ring.n, moduli, 'random', 2 + i)).flat()).address();
  const sizes = [3, 3, 1];
  const seed = w.room(1);
  seed.wordsView().fill(9n);
  const results: BigUint64Array[] = [];
  const collect = (limbs: number, run: (dst: number) => void) => {
    const slab = w.room(limbs);
    run(slab.address());
    results.push(slab.wordsView().slice());
  };
  collect(9, (dst) => kernels.call(Op.nttForward, handle, dst, a, all));
  collect(9, (dst) => kernels.call(Op.nttInverse, handle, dst, a, all));
  collect(9, (dst) => kernels.call(Op.multiply, handle, dst, a, a, all));
  collect(7, (dst) => kernels.call(Op.divide, handle, q, special, 1, dst, a));
  collect(27, (dst) => kernels.call(Op.decompose, handle, dst, a, q, special, sizes));
  collect(9, (dst) => kernels.call(Op.sampleUniform, handle, dst, seed.address(), 0, all));
  collect(9, (dst) => kernels.call(Op.sampleSmall, handle, dst, seed.address(), 0, 0, 0, all));
  const second = w.room(7);
  collect(7, (dst) =>
    kernels.call(Op.keySwitch, handle, dst, second.address(), a, a, 0, 5, key, 7, 0, q, special, sizes),
  );
  results.push(second.wordsView().slice());
  return results;
}

function withThreads<T>(kernels: Kernels, threads: number, run: () => T): T {
  kernels.threads = threads;
  try {
    expect(kernels.threads).toBe(threads);
    return run();
  } finally {
    kernels.threads = 1;
  }
}

describe.runIf(native.length > 0)('threads', () => {
  it.each(native)('one, two and five give the same results on the %s build', (build) => {
    const ring = boundaryRing(10);
    using w = new Workbench(build, ring);
    const one = everything(w);
    for (const threads of [2, 5]) {
      for (let repetition = 0; repetition < 3; repetition += 1) {
        expect(withThreads(w.kernels, threads, () => everything(w)).every((x, i) => equal(x, one[i]!))).toBe(true);
      }
    }
  });

  it('can be changed many times', () => {
    using w = new Workbench(native[0]!, boundaryRing(5));
    const slab = w.put(polynomial(32, [w.ring.primes[0]!], 'random', 1));
    for (let i = 0; i < 50; i += 1) {
      withThreads(w.kernels, 1 + (i % 4), () =>
        w.kernels.call(Op.nttForward, w.handle, slab.address(), slab.address(), [0]),
      );
    }
  });
});

function equal(a: BigUint64Array, b: BigUint64Array): boolean {
  return (
    Buffer.compare(
      Buffer.from(a.buffer, a.byteOffset, a.byteLength),
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    ) === 0
  );
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelError, MemoryError } from '../../src/errors/index.ts';
import { type KernelArgument, type Kernels, Op, Slab } from '../../src/kernels/index.ts';
import { boundaryPrimes, boundaryRing, builds, kernelsOf, polynomial, Workbench } from './support.ts';

const ring = boundaryRing(6);
const prime = Number(ring.primes[0]!);

/** A valid call of every operation that takes a ring, as flat numbers after the ring. */
function validCalls(w: Workbench): Map<Op, number[]> {
  const all = [0, 1, 2, 3];
  const a = w
    .put(
      polynomial(
        ring.n,
        all.map((i) => ring.primes[i]!),
        'random',
        1,
      ),
    )
    .address();
  const big = w.room(64).address();
  const flat = (...args: readonly KernelArgument[]) =>
    args.flatMap((arg) => (typeof arg === 'number' ? [arg] : [arg.length, ...arg]));
  return new Map<Op, number[]>([
    [Op.nttForward, flat(big, a, all)],
    [Op.nttInverse, flat(big, a, all)],
    [Op.add, flat(big, a, a, all)],
    [Op.subtract, flat(big, a, a, all)],
    [Op.negate, flat(big, a, all)],
    [Op.multiply, flat(big, a, a, all)],
    [Op.multiplyAccumulate, flat(a, a, a, all)],
    [Op.multiplyScalar, flat(big, a, all, [1, 2, 3, 4])],
    [Op.multiplyScalarAccumulate, flat(a, a, all, [1, 2, 3, 4])],
    [Op.addScalar, flat(big, a, all, [1, 2, 3, 4])],
    [Op.tensor, flat(big, big, big, a, a, a, a, all)],
    [Op.tensorAccumulate, flat(a, a, a, a, a, a, a, all)],
    [Op.automorphism, flat(big, a, 5, 4)],
    [Op.divide, flat([0, 1], [2, 3], 1, big, a)],
    [Op.decompose, flat(big, a, [0, 1, 2], [3], [2, 1])],
    [Op.raise, flat(big, a, 0, all)],
    [Op.innerProduct, flat(big, big, big, 0, 5, big, 3, 2, [0, 1, 2], [3])],
    [Op.innerProductAccumulate, flat(a, a, big, 0, 5, big, 3, 2, [0, 1, 2], [3])],
    [Op.keySwitch, flat(big, big, a, 0, 0, 5, big, 3, 0, [0, 1, 2], [3], [2, 1])],
    [Op.linearBabySteps, flat(1, big, a, a, 0, [0, 1, 2], [3], 2, 1, 0, 1, 0, 0, 1, big, big, 1, 0, a, 0)],
    [Op.sampleUniform, flat(big, a, 0, all)],
    [Op.sampleSmall, flat(big, a, 0, 0, 0, all)],
    [Op.encryptZero, flat(big, big, a, a, 4, a, [0, 1, 2], 3)],
    [Op.encode, flat(big, big, big, 4, 1024, all)],
    [Op.decode, flat(a, big, big, 4, 1024, [0, 1])],
    [Op.encodePeriodic, flat(big, big, big, 8, 1024, all)],
    [Op.encodeMany, flat(0, 4, all, 1, big, big, big, 1024)],
    [
      Op.unpackResidues,
      flat(
        a,
        all.map((i) => big + 8 * ring.n * i),
        all,
      ),
    ],
  ]);
}

describe.each(builds)('a wrong call of the %s kernels is a typed error', (build) => {
  const kernels: Kernels = kernelsOf(build);
  const create = (logN: number, primes: readonly number[]) => kernels.call(Op.ringCreate, logN, primes);

  it('a modulus that is composite, too large, not 1 modulo 2N, or no number', () => {
    const composite = Number(boundaryPrimes(6)[0]!) - 128 * 3;
    for (const bad of [composite, 2 ** 50 + 1, 97 * 193, 1, 0, prime + 2, 2 ** 52, Number.NaN, -prime]) {
      expect(() => create(6, [prime, bad]), `${bad}`).toThrow(KernelError);
    }
    expect(() => create(6, [1125899906842597])).toThrow('1 modulo 2N'); // the largest prime below 2^50
  });

  it('a ring that is too small, too large or empty', () => {
    for (const logN of [0, 3, 18, 64, -1]) expect(() => create(logN, [prime]), `${logN}`).toThrow(KernelError);
    expect(() => create(6, [])).toThrow(KernelError);
    expect(() => kernels.call(Op.ringCreate)).toThrow(KernelError);
  });

  it('an operation that does not exist', () => {
    for (const code of [99, -1]) expect(() => kernels.call(code as Op, 1, 2)).toThrow('no such operation');
  });

  it('a ring that was destroyed, twice destroyed, or is none', () => {
    const handle = create(6, [prime]);
    kernels.call(Op.ringDestroy, handle);
    using w = new Workbench(build, ring);
    const { address } = { address: w.room(1).address() };
    for (const bad of [handle, 0, 12345, Number.NaN]) {
      // A new ring may live where the old one did.
      if (bad === w.handle) continue;
      expect(() => kernels.call(Op.nttForward, bad, address, address, [0])).toThrow('ring was destroyed');
      expect(() => kernels.call(Op.ringDestroy, bad)).toThrow(KernelError);
    }
  });

  it('a ring of another build', () => {
    const other = builds.find((name) => name !== build);
    if (other === undefined) return;
    using w = new Workbench(other, ring);
    const slab = new Slab(kernels, ring.n);
    expect(() => kernels.call(Op.nttForward, w.handle, slab.address(), slab.address(), [0])).toThrow(KernelError);
    slab.release();
  });

  it('numbers of primes that the ring does not have', () => {
    using w = new Workbench(build, ring);
    const slab = w.room(4);
    for (const bad of [ring.primes.length, -1, 2 ** 31, 2 ** 53, Number.NaN]) {
      expect(() => kernels.call(Op.nttForward, w.handle, slab.address(), slab.address(), [bad]), `${bad}`).toThrow(
        KernelError,
      );
      expect(() => kernels.call(Op.raise, w.handle, slab.address(), slab.address(), bad, [0]), `${bad}`).toThrow(
        KernelError,
      );
    }
  });

  it('every operation with too few or too many numbers', () => {
    using w = new Workbench(build, ring);
    for (const [op, args] of validCalls(w)) {
      for (let count = 0; count < args.length; count += 1) {
        expect(() => kernels.call(op, w.handle, ...args.slice(0, count)), `${op} with ${count}`).toThrow(KernelError);
      }
      expect(() => kernels.call(op, w.handle, ...args, 1), `${op} with one more`).toThrow(KernelError);
    }
  });

  it('every operation with lists that cannot be', () => {
    using w = new Workbench(build, ring);
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(-1, 1e9, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY), (seed, wrong) => {
        for (const [op, args] of validCalls(w)) {
          // The last number always belongs to a list or is a count: a length, an index, a size, a bit count.
          if (op === Op.keySwitch || op === Op.divide || op === Op.linearBabySteps) continue;
          const at = args.length - 1 - (seed % 2 === 0 ? 0 : Math.min(4, args.length - 1));
          if (args[at]! > 64) continue; // an address: the caller's promise
          const bad = args.map((x, i) => (i === at ? wrong : x));
          if (op === Op.automorphism) continue; // limb counts are the caller's promise
          if (op === Op.multiplyScalar || op === Op.multiplyScalarAccumulate || op === Op.addScalar) continue; // any scalar
          expect(() => kernels.call(op, w.handle, ...bad), `${op} number ${at}`).toThrow(KernelError);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('digits that do not add up, and divisions by nothing', () => {
    using w = new Workbench(build, ring);
    const at = w.room(40).address();
    for (const sizes of [[1], [2, 2], [3, 0], [-1, 4], [], [2 ** 31]]) {
      expect(() => kernels.call(Op.decompose, w.handle, at, at, [0, 1, 2], [3], sizes), `${sizes}`).toThrow(
        KernelError,
      );
    }
    expect(() => kernels.call(Op.divide, w.handle, [0, 1], [], 1, at, at)).toThrow(KernelError);
  });

  it('values that cannot be encoded', () => {
    using w = new Workbench(build, ring);
    const slots = w.room(1);
    const dst = w.room(2);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      slots.realsView().fill(0);
      slots.realsView()[3] = bad;
      const encode = () =>
        kernels.call(Op.encode, w.handle, dst.address(), slots.address(), slots.address(32), 32, 2 ** 30, [0, 1]);
      expect(encode, `${bad}`).toThrow(KernelError);
    }
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      slots.realsView().fill(0.5);
      const encode = () =>
        kernels.call(Op.encode, w.handle, dst.address(), slots.address(), slots.address(32), 32, scale, [0, 1]);
      expect(encode, `scale ${scale}`).toThrow(KernelError);
    }
  });

  it('more memory than there is', () => {
    const before = kernels.memory();
    for (const words of [2 ** 44, 2 ** 50, 2 ** 60, 2 ** 61, 1e300]) {
      expect(() => new Slab(kernels, words)).toThrow(MemoryError);
      expect(() => new Slab(kernels, words)).toThrow(/cannot allocate .* MiB/);
    }
    expect({ ...kernels.memory(), cachedBytes: 0 }).toEqual({ ...before, cachedBytes: 0 });
  });
});

describe('slabs', () => {
  const kernels = kernelsOf(builds[0]!);

  it('refuse a size that is none', () => {
    for (const words of [0, -1, 1.5, Number.NaN]) expect(() => new Slab(kernels, words)).toThrow(MemoryError);
  });

  it('refuse every use after release, and take a second release', () => {
    const slab = new Slab(kernels, 64);
    const before = kernels.memory();
    slab.release();
    slab.release();
    slab[Symbol.dispose]();
    expect(kernels.memory().slabs).toBe(before.slabs - 1);
    expect(slab.released).toBe(true);
    for (const use of [() => slab.address(), () => slab.wordsView(), () => slab.realsView(), () => slab.bytesView()]) {
      expect(use).toThrow(MemoryError);
    }
  });

  it('refuse words outside', () => {
    using slab = new Slab(kernels, 64);
    expect(() => slab.address(65)).toThrow(MemoryError);
    expect(() => slab.address(-1)).toThrow(MemoryError);
    expect(() => slab.wordsView(0, 65)).toThrow(MemoryError);
    expect(() => slab.wordsView(10, 9)).toThrow(MemoryError);
    expect(slab.wordsView(60).length).toBe(4);
  });

  it.each(builds)('that hold secrets are zero after release, before someone else gets the memory (%s)', (build) => {
    const slab = new Slab(kernelsOf(build), 2 ** 16, true);
    const address = slab.address();
    slab.wordsView().fill(7n);
    slab.release();
    using next = new Slab(kernelsOf(build), 2 ** 16);
    expect(next.address()).toBe(address);
    expect(next.wordsView(8).every((word) => word === 0n)).toBe(true);
  });

  it('count bytes in use, and reuse what was released', () => {
    const words = 3 * 2 ** 20;
    const first = new Slab(kernels, words);
    const held = kernels.memory();
    const address = first.address();
    first.release();
    expect(kernels.memory().bytes).toBe(held.bytes - 8 * words);
    expect(kernels.memory().cachedBytes).toBeGreaterThanOrEqual(held.cachedBytes);
    using second = new Slab(kernels, words);
    expect(second.address()).toBe(address);
    expect(kernels.memory().peakBytes).toBeGreaterThanOrEqual(held.bytes);
  });
});

describe('thread counts', () => {
  it('must be whole and positive', () => {
    for (const threads of [0, -1, 1.5, 257, Number.NaN]) {
      expect(() => {
        kernelsOf(builds[0]!).threads = threads;
      }, `${threads}`).toThrow(KernelError);
    }
  });
});

// Kernels in a process that may have only a few MiB more: every call either succeeds or throws a typed error, and with
// memory again all results are right. native-driver.test.ts refuses single requests one by one; here the system refuses.
import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { selfTestPrimes } from '../../src/kernels/selftest.ts';
import { copyOfPackage, inChild, wasmFiles } from './package-copy.ts';
import { builds } from './support.ts';

// Processes of their own, and many rings: seconds, minutes on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const hasPrlimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
const native = builds.filter((build) => !build.startsWith('wasm'));

/** Beyond what the process has; the operations need about 20 MiB. */
const limitsMiB = [1, 2, 4, 6, 8, 12, 16, 64];

/** One of every operation that takes memory, N = 2^13, on fresh rings, as [name, run]; their results in `results`. */
const operations = `
  const { Op, Slab } = kernels;
  const primes = ${JSON.stringify(selfTestPrimes)};
  const n = 2 ** 13;
  const [all, q, special, sizes] = [[0, 1, 2, 3, 4], [0, 1, 3], [2, 4], [2, 1]];
  const room = (limbs) => new Slab(k, limbs * n);
  const put = (basis) => {
    const slab = room(basis.length);
    const words = slab.wordsView();
    words.forEach((_, i) => { words[i] = BigInt((i * 40503) % 65521); });
    return slab.address();
  };
  const [source, key, seed] = [put(all), put([...all, ...all, ...all, ...all]), put([4])];
  const results = room(60);
  const slots = room(1);
  const at = (limb) => results.address(limb * n);
  const operations = [
    ['decompose', (r) => k.call(Op.decompose, r, at(0), source, q, special, sizes)],
    ['innerProduct', (r) => k.call(Op.innerProduct, r, at(10), at(15), at(0), 0, 5, key, 3, 2, q, special)],
    ['linearBabySteps', (r) => k.call(Op.linearBabySteps, r, 1, at(0), source, source, 0, q, special, 2, 1, 0, 5, key, 3, 1, at(20), at(25), 1, 0, source, 0)],
    ['keySwitch', (r) => k.call(Op.keySwitch, r, at(30), at(33), source, 0, 0, 5, key, 3, 0, q, special, sizes)],
    ['divide', (r) => k.call(Op.divide, r, q, special, 1, at(36), source)],
    ['generateKeyDigit', (r) => k.call(Op.generateKeyDigit, r, at(39), 0, source, source, seed, 100, seed, 7, q, special, 0, 2)],
    ['encryptZero', (r) => k.call(Op.encryptZero, r, at(55), at(57), key, key, 5, seed, [0, 1], 4)],
    ['sampleSmall', (r) => k.call(Op.sampleSmall, r, at(44), seed, 1, 2, 0, all)],
    ['raise', (r) => k.call(Op.raise, r, at(49), source, 0, all)],
    ['encode', (r) => {
      slots.realsView().forEach((_, i, list) => { list[i] = Math.sin(i); });
      k.call(Op.encode, r, at(54), slots.address(), slots.address(n / 2), n / 2, 2 ** 40, all);
    }],
    ['decode', (r) => k.call(Op.decode, r, at(54), slots.address(), slots.address(n / 2), n / 2, 2 ** 40, q)],
  ];
  /** Runs all of them; errors by name. */
  const runAll = (threads) => {
    const errors = {};
    const attempt = (name, run) => {
      try { return run(); } catch (error) { errors[name] = error.name; return undefined; }
    };
    attempt('threads', () => { k.threads = threads; });
    for (const [name, run] of operations) {
      const ring = attempt('ringCreate', () => k.call(Op.ringCreate, 13, primes));
      if (ring === undefined) continue;
      attempt(name, () => run(ring));
      k.call(Op.ringDestroy, ring);
    }
    return errors;
  };
  const digest = () => {
    let hash = 0n;
    for (const word of results.wordsView()) hash = BigInt.asUintN(64, (hash ^ word) * 0x100000001b3n);
    return hash.toString(16);
  };`;

/** limit(bytes) of address space, and used(); the first call's own needs are met before any limit. */
const limiting = `
  const { execFileSync } = await import('node:child_process');
  const { readFileSync } = await import('node:fs');
  const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + bytes + ':']);
  const used = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * 4096;
  limit('unlimited');
  // Pages of the engine's young generation are mapped as they are first used, both halves of it: all of them now.
  let filler = [];
  for (let i = 0; i < 2e6; i++) filler = [i, filler.length];`;

/** The engine's own heap must not grow under the limit, nor its compiler start: it ends the process when it has no memory. */
const flags = ['--single-threaded', '--min-semi-space-size=16', '--no-lazy', '--no-opt'];

describe.runIf(hasPrlimit && native.length > 0)('row 6: too little memory', () => {
  it.each(native)('is a typed error of every operation, and the process goes on (%s)', (build) => {
    const body = `
      const k = await kernels.loadKernels({ build: '${build}', threads: 1 });
      ${operations}
      ${limiting}
      runAll(3);
      const expected = digest();
      const found = [];
      for (const [started, threads] of [[3, 3], [1, 2], [1, 8]]) {
        for (const mib of ${JSON.stringify(limitsMiB)}) {
          k.threads = 1; // threads that start have no memory of their own yet
          k.threads = started;
          k.trim();
          limit(used() + mib * 2 ** 20);
          const errors = runAll(threads);
          const hoard = [];
          let refused;
          while (refused === undefined) {
            try { hoard.push(new Slab(k, 2 ** 16)); } catch (error) { refused = error.name; }
          }
          const starved = runAll(threads);
          for (const slab of hoard) slab.release();
          k.trim();
          limit('unlimited');
          results.wordsView().fill(0n);
          const later = runAll(2);
          found.push({ mib, started, errors, starved, refused, later, right: digest() === expected });
        }
      }
      return found;`;
    const { ok, error } = inChild(copyOfPackage(['kernels.node']), body, { flags });
    expect(error).toBeUndefined();
    const found = ok as { errors: Record<string, string>; starved: Record<string, string> }[];
    expect(found).toHaveLength(3 * limitsMiB.length);
    for (const one of found) {
      expect(one).toMatchObject({ refused: 'MemoryError', later: {}, right: true });
      for (const [name, kind] of [...Object.entries(one.errors), ...Object.entries(one.starved)])
        expect(kind, name).toBe(name === 'threads' ? 'KernelError' : 'MemoryError');
    }
    // Not every limit refuses everything, nor nothing.
    expect(found.some(({ errors }) => Object.keys(errors).length > 0)).toBe(true);
    expect(found.some(({ errors }) => Object.keys(errors).length === 0)).toBe(true);
  });

  it('is a typed error of the first calls of a process, too', () => {
    const dir = copyOfPackage(['kernels.node']);
    const load = `const k = await kernels.loadKernels({ build: '${native[0]}', threads: 1 }); ${operations}`;
    const expected = inChild(dir, `${load} runAll(1); return digest();`).ok;
    for (const mib of limitsMiB) {
      const body = `
        ${load}
        ${limiting}
        limit(used() + ${mib} * 2 ** 20);
        const errors = runAll(1);
        limit('unlimited');
        return [Object.values(errors), runAll(1), digest()];`;
      const [kinds, later, right] = inChild(dir, body, { flags }).ok as [string[], object, string];
      expect(new Set([...kinds, 'MemoryError']), `${mib} MiB`).toEqual(new Set(['MemoryError']));
      expect([later, right], `${mib} MiB`).toEqual([{}, expected]);
    }
  });
});

describe('row 6: too little memory', () => {
  it.each(['wasm', 'wasm-relaxed'].filter((build) => (builds as readonly string[]).includes(build)))(
    'and so it is in the 4 GiB of WebAssembly (%s)',
    (build) => {
      const body = `
        const k = await kernels.loadKernels({ build: '${build}' });
        ${operations}
        runAll(1);
        const expected = digest();
        const takeAll = (least) => {
          const slabs = [];
          for (let words = 2 ** 26; words >= least; words /= 2) {
            try { for (;;) slabs.push(new Slab(k, words)); } catch (error) { if (error.name !== 'MemoryError') throw error; }
          }
          return slabs;
        };
        const capacityMiB = () => {
          const slabs = takeAll(2 ** 17);
          for (const slab of slabs) slab.release();
          k.trim();
          return slabs.reduce((sum, slab) => sum + slab.words, 0) / 2 ** 17;
        };
        const before = capacityMiB();
        const hoard = takeAll(2 ** 8);
        const kinds = [];
        for (let i = 0; i < 12; i++) {
          for (let again = 0; again < 4; again++) kinds.push(...Object.values(runAll(1)));
          // A little more room each time: the smallest slabs go first.
          for (let bytes = 0; bytes < 2 ** (12 + i) && hoard.length > 0; ) {
            const slab = hoard.pop();
            bytes += 8 * slab.words;
            slab.release();
          }
          k.trim();
        }
        for (const slab of hoard) slab.release();
        k.trim();
        results.wordsView().fill(0n);
        const later = runAll(1);
        return { kinds: [...new Set(kinds)], count: kinds.length, later, right: digest() === expected, lostMiB: before - capacityMiB() };`;
      const flags = build === 'wasm-relaxed' ? ['--experimental-wasm-relaxed-simd'] : [];
      const { ok, error } = inChild(copyOfPackage(wasmFiles), body, { flags });
      expect(error).toBeUndefined();
      expect(ok).toMatchObject({ kinds: ['MemoryError'], later: {}, right: true });
      const { count, lostMiB } = ok as { count: number; lostMiB: number };
      // Calls that fail leave nothing behind: the tables of one ring alone are 2 MiB.
      expect(count).toBeGreaterThan(30);
      expect(lostMiB).toBeLessThan(8);
    },
  );
});

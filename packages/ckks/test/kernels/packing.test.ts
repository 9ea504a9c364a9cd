// Packing and unpacking by the kernels against src/wire/packing.ts, the second implementation (test/wire checks that one against the
// definition).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/errors/index.ts';
import { Op } from '../../src/kernels/index.ts';
import { limbBytes, packResidues, residueBits, unpackResidues } from '../../src/wire/packing.ts';
import { type BasisCase, basisCase, boundaryRing, builds, flatten, polynomial, Workbench } from './support.ts';

const slackBytes = 8;

/** Limbs one after the other as on the wire, then ones that belong to nobody. */
function packed(polynomials: readonly bigint[][], primes: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const limbs = polynomials.map((limb, j) => {
    const out = new Uint32Array(limbBytes(limb.length, Number(primes[j])) / 4);
    packResidues(new Uint32Array(BigUint64Array.from(limb).buffer), out, Number(primes[j]));
    return new Uint8Array(out.buffer);
  });
  const all = new Uint8Array(limbs.reduce((sum, { length }) => sum + length, slackBytes)).fill(0xff);
  let at = 0;
  for (const limb of limbs) {
    all.set(limb, at);
    at += limb.length;
  }
  return all;
}

/** Unpacks into limbs in reversed order, `offset` bytes into a slab; returns them in order, and the kernels' result. */
function unpack(w: Workbench, bytes: Uint8Array, basis: readonly number[], offset: number) {
  const source = w.room(2 * basis.length);
  source.bytesView().set(bytes, offset);
  const out = w.room(basis.length);
  const addresses = basis.map((_, j) => out.address((basis.length - 1 - j) * w.ring.n));
  const wrong = w.kernels.call(Op.unpackResidues, w.handle, source.address() + offset, addresses, basis);
  const limbs = basis.map((_, j) => {
    const from = (basis.length - 1 - j) * w.ring.n;
    return [...out.wordsView(from, from + w.ring.n)];
  });
  return { wrong, limbs };
}

/** Packs limbs that lie in reversed order. */
function pack(w: Workbench, a: readonly bigint[][], basis: readonly number[]) {
  const { n } = w.ring;
  const source = w.room(basis.length);
  const addresses = basis.map((_, j) => source.address((basis.length - 1 - j) * n));
  for (const [j, limb] of a.entries()) source.wordsView((basis.length - 1 - j) * n, (basis.length - j) * n).set(limb);
  const out = w.room(basis.length);
  const wrong = w.kernels.call(Op.packResidues, w.handle, out.address(), addresses, basis);
  const length = basis.reduce((sum, j) => sum + limbBytes(n, Number(w.ring.primes[j])), 0);
  return { wrong, bytes: out.bytesView().slice(0, length) };
}

const cases = basisCase({ logN: [5, 6, 9], maxLimbs: 7 });
/** A polynomial, and one of its residues. */
function somewhereIn(c: BasisCase, limbSeed: number, residueSeed: number) {
  const primes = primesOf(c);
  const a = polynomial(c.ring.n, primes, c.pattern, c.seed);
  return { primes, a, limb: limbSeed % primes.length, residue: residueSeed % c.ring.n };
}

const primesOf = ({ ring, basis }: BasisCase) => basis.map((j) => ring.primes[j]!);

describe.each(builds)('packing of residues by the %s kernels', (build) => {
  it('gives back what was packed, from any address', () => {
    fc.assert(
      fc.property(cases, fc.nat(40), (c, offset) => {
        using w = new Workbench(build, c.ring);
        const a = polynomial(c.ring.n, primesOf(c), c.pattern, c.seed);
        const { wrong, limbs } = unpack(w, packed(a, primesOf(c)), c.basis, offset);
        expect(wrong).toBe(-1);
        expect(Buffer.compare(Buffer.from(flatten(limbs).buffer), Buffer.from(flatten(a).buffer))).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('finds the first residue that is not below its prime, as the second implementation does', () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.nat(), (c, limbSeed, residueSeed) => {
        using w = new Workbench(build, c.ring);
        const { primes, a, limb, residue } = somewhereIn(c, limbSeed, residueSeed);
        // The prime itself, and the last residue of all as well: the first one counts.
        a[limb]![residue] = primes[limb]!;
        a.at(-1)![c.ring.n - 1] = primes.at(-1)!;
        const bytes = packed(a, primes);
        const expected = primes.findIndex((_, j) => a[j]!.some((x) => x >= primes[j]!));
        expect(expected).toBe(limb);
        const { wrong } = unpack(w, bytes, c.basis, 0);
        const start = primes.slice(0, limb).reduce((sum, p) => sum + limbBytes(c.ring.n, Number(p)), 0);
        const own = bytes.slice(start, start + limbBytes(c.ring.n, Number(primes[limb])));
        const second = unpackResidues(new Uint32Array(own.buffer), new Uint32Array(2 * c.ring.n), Number(primes[limb]));
        expect(wrong).toBe(limb * c.ring.n + second);
        expect(second).toBe(residue);
      }),
      { numRuns: 40 },
    );
  });

  it('packs as the second implementation does, from limbs anywhere', () => {
    fc.assert(
      fc.property(cases, (c) => {
        using w = new Workbench(build, c.ring);
        const a = polynomial(c.ring.n, primesOf(c), c.pattern, c.seed);
        expect(pack(w, a, c.basis)).toEqual({ wrong: -1, bytes: packed(a, primesOf(c)).slice(0, -slackBytes) });
      }),
      { numRuns: 40 },
    );
  });

  it('finds the first residue with more bits than its prime', () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.nat(), (c, limbSeed, residueSeed) => {
        using w = new Workbench(build, c.ring);
        const { primes, a, limb, residue } = somewhereIn(c, limbSeed, residueSeed);
        a[limb]![residue] = 1n << BigInt(residueBits(Number(primes[limb])));
        expect(pack(w, a, c.basis).wrong).toBe(limb * c.ring.n + residue);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses lists of different lengths', () => {
    using w = new Workbench(build, boundaryRing(5));
    const at = w.room(4).address();
    expect(() => w.kernels.call(Op.packResidues, w.handle, at, [at, at], [0])).toThrow(KernelError);
    expect(() => w.kernels.call(Op.packResidues, w.handle, at, [at], [0, 1])).toThrow(KernelError);
    expect(() => w.kernels.call(Op.unpackResidues, w.handle, at, [at, at], [0])).toThrow(KernelError);
    expect(() => w.kernels.call(Op.unpackResidues, w.handle, at, [at], [0, 1])).toThrow(KernelError);
  });
});

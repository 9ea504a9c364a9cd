// The keys whose parts' hashes are in key-parts-vectors.json. Also bundled for the browser test.
import {
  Context,
  galoisElement,
  type Kernels,
  KeyPartMaker,
  type KeySpec,
  nameOfPart,
  Parameters,
  SecretKey,
} from '../../src/index.ts';

/** N = 2^10, with several digits: far below any security. */
export const pinnedLiteral = { logN: 10, chainBits: [50, 40, 40, 40, 40], specialBits: [50, 50], scaleBits: 40 };

export const pinnedMaster = new Uint8Array(32).fill(9);

export const rotation = (steps: number, level: number, special: number, logN = 10): KeySpec => ({
  role: 'galois',
  galois: galoisElement(steps, logN),
  level,
  special,
});

/** Every role, several digits, every number of special primes. */
export const pinnedSpecs: readonly KeySpec[] = [
  { role: 'toDense', galois: 1, level: 4, special: 2 },
  { role: 'toSparse', galois: 1, level: 0, special: 1 },
  rotation(1, 4, 2),
  rotation(1, 2, 1),
  rotation(3, 3, 1),
  { role: 'galois', galois: 2047, level: 1, special: 2 },
  { role: 'relinearisation', galois: 1, level: 4, special: 2 },
  { role: 'relinearisation', galois: 1, level: 1, special: 1 },
];

/** Every part by its name, as these kernels make it. */
export function pinnedParts(kernels: Kernels): { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }[] {
  const accepted = { insecure: true };
  const context = new Context(Parameters.from(pinnedLiteral, accepted), kernels, accepted);
  using secret = SecretKey.fromMaster(context, pinnedMaster);
  using maker = new KeyPartMaker(secret, pinnedSpecs);
  return maker.parts.map((part) => ({ name: nameOfPart(part), bytes: maker.make(part) }));
}

import { approxReaders } from './approx-readers.ts';
import { cipherformerReaders } from './cipherformer-readers.ts';
import { ckksReaders } from './ckks-readers.ts';
import { clientReaders } from './client-readers.ts';
import { compilerReaders } from './compiler-readers.ts';
import { nnReaders } from './nn-readers.ts';
import type { Reader } from './reader.ts';
import { serviceReaders } from './service-readers.ts';

/** Every reader of bytes from strangers. A new one is an entry in the list of its package. */
export const readers: readonly Reader[] = [
  ...approxReaders,
  ...ckksReaders,
  ...compilerReaders,
  ...nnReaders,
  ...serviceReaders,
  ...clientReaders,
  ...cipherformerReaders,
].map((reader) => ({
  ...reader,
  // Whatever they are made as: slices of a Buffer would share its memory, and changing one change the seed.
  seeds: reader.seeds.map((bytes) => new Uint8Array(bytes)),
}));

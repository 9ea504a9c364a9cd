import { Context, loadKernels, Parameters, type ParametersLiteral } from '../../packages/ckks/src/index.ts';

// Small rings, far below any security: objects of a few hundred bytes.

const kernels = await loadKernels({ threads: 1 });

/** Slabs of kernel memory that are held: a reader that fails must not keep any. */
export const heldSlabs = (): number => kernels.memory().slabs;

export const insecureContext = (literal: ParametersLiteral): Context =>
  new Context(Parameters.from(literal, { insecure: true }), kernels, { insecure: true });

/** N = 32, primes of 50, 41 (or 40) and 20 bits. */
export const tiny = insecureContext({
  logN: 5,
  chainBits: [50, 40, 20, 40],
  specialBits: [50, 50],
  scaleBits: 30,
});

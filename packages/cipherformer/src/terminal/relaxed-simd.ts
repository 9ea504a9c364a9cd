import { setFlagsFromString } from 'node:v8';

/**
 * Node 20 has relaxed SIMD for WebAssembly (three times faster kernels where there is no compiler) behind a flag of its
 * engine; newer versions need none. Must run before the first kernels are loaded.
 */
export function enableRelaxedSimd(): void {
  const engine = Number(process.versions.v8.split('.')[0]);
  if (engine < 12) setFlagsFromString('--experimental-wasm-relaxed-simd');
}

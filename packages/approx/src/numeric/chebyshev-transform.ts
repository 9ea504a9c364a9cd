/** The n zeros of T_n, falling from 1 to -1: cos(pi (k + 1/2) / n). Exactly antisymmetric. */
export function chebyshevNodes(n: number): number[] {
  return Array.from({ length: n }, (_, k) => Math.sin((Math.PI * (n - 1 - 2 * k)) / (2 * n)));
}

/**
 * Coefficients c_0 .. c_{n-1} of the polynomial with the given values at `chebyshevNodes(n)` (a type-2 cosine
 * transform). O(n^2), from one table of cosines, so that the error stays at a few units in the last place of the largest value.
 */
export function chebyshevCoefficients(values: readonly number[]): number[] {
  const n = values.length;
  const table = Float64Array.from({ length: 4 * n }, (_, i) => Math.cos((Math.PI * i) / (2 * n)));
  return Array.from({ length: n }, (_, j) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += values[k]! * table[(j * (2 * k + 1)) % (4 * n)]!;
    return (j === 0 ? 1 : 2) * (sum / n);
  });
}

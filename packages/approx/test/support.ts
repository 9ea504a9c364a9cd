import fc from 'fast-check';

/** Every property test runs from this seed, so that a failure can be repeated; a failing case is shown as found. */
export const propertyRun = { seed: 20240611, endOnFailure: true } as const;

/** Largest |f| over points of an interval that no fit or certificate uses: even steps with a golden-ratio shift. */
export function denseMaximum(f: (x: number) => number, [lo, hi]: readonly [number, number], count = 4001): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let largest = Math.max(Math.abs(f(lo)), Math.abs(f(hi)));
  for (let i = 0; i < count; i++) {
    const s = (i + ((i * golden) % 1)) / count;
    // Half of the points crowd at the ends, where polynomials misbehave first.
    const t = i % 2 === 0 ? s : Math.sin((Math.PI * s) / 2) ** 2;
    largest = Math.max(largest, Math.abs(f(Math.min(hi, lo + (hi - lo) * t))));
  }
  return largest;
}

/** Random smooth functions as expressions: sums and products of bounded pieces at random frequencies and shifts. */
export const smoothExpression: fc.Arbitrary<string> = (() => {
  const constant = fc.double({ min: 0.1, max: 2, noNaN: true }).map((v) => v.toFixed(3));
  const shift = fc.double({ min: -1, max: 1, noNaN: true }).map((v) => `(${v.toFixed(3)})`);
  const inner = fc.tuple(constant, shift).map(([a, b]) => `(${a}*x+${b})`);
  const piece = fc
    .tuple(fc.constantFrom('sin', 'cos', 'tanh', 'sigmoid', 'erf', 'softplus'), inner)
    .map(([name, argument]) => `${name}${argument}`);
  const rational = inner.map((argument) => `1/(1+${argument}^2)`);
  const bell = inner.map((argument) => `exp(-${argument}^2)`);
  const leaf = fc.oneof(piece, rational, bell);
  return fc
    .tuple(leaf, leaf, fc.constantFrom('+', '-', '*'), constant)
    .map(([a, b, op, c]) => `(${a})${op}${c}*(${b})`);
})();

/** Random intervals of width 0.2 to 8 within about [-7, 7]. */
export const interval: fc.Arbitrary<readonly [number, number]> = fc
  .tuple(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: 0.1, max: 4, noNaN: true }))
  .map(([middle, half]) => [middle - half, middle + half] as const);

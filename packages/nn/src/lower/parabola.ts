import type { Program } from '@cipherformer/approx';

/** A program and the factor its result is to be multiplied by, which a linear map takes for nothing. */
export interface FactoredProgram {
  readonly program: Program;
  readonly factor: number;
}

/** Farthest that the vertex may lie from the middle of the interval, in half-widths: each doubling costs two bits. */
const farthestVertex = 4;

/**
 * A program of one polynomial of degree 2, a (x - x0)^2 + d, as one squaring: 1 level instead of 2. Its interval is
 * centred on the vertex x0 and wide enough that the result, a square plus d / factor, stays in [-1, 1] too. Undefined
 * for other programs, and where the parabola is so flat that its vertex lies far outside the interval.
 */
export function asParabola({ interval, steps }: Program): FactoredProgram | undefined {
  const [step, ...more] = steps;
  if (step?.op !== 'polynomial' || more.length > 0 || step.coefficients.length !== 3) return undefined;
  const [c0, c1, c2] = step.coefficients as readonly [number, number, number];
  // c0 + c1 t + c2 (2 t^2 - 1) = 2 c2 (t - vertex)^2 + rest
  const vertex = -c1 / (4 * c2);
  if (!(Math.abs(vertex) <= farthestVertex)) return undefined;
  const rest = c0 - c2 - 2 * c2 * vertex * vertex;
  const farthest = 1 + Math.abs(vertex);
  const offset = rest / (2 * c2);
  const reachSquared = Math.max(farthest ** 2, Math.abs(offset), Math.abs(farthest ** 2 + offset));
  const [low, high] = interval;
  const halfWidth = (high - low) / 2;
  const centre = (low + high) / 2 + vertex * halfWidth;
  const reach = Math.sqrt(reachSquared) * halfWidth;
  return {
    program: {
      interval: [centre - reach, centre + reach],
      steps: [
        { op: 'square', value: 0 },
        { op: 'affine', terms: [{ value: 1, factor: 1 }], offset: offset / reachSquared },
      ],
    },
    factor: 2 * c2 * reachSquared,
  };
}

import type { Interval } from '../interval.ts';
import { evaluateProgram, type Program } from '../program/program.ts';

/** How far x may leave the interval on one side before the result is no longer to be trusted. */
export interface GrowthSide {
  /** Where |p| first reaches twice its largest value on the interval. */
  readonly doublesAt: number | null;
  /** Where it first reaches 1000 times that: from here on one slot ruins a whole ciphertext. */
  readonly explodesAt: number | null;
}

export interface Growth {
  readonly left: GrowthSide;
  readonly right: GrowthSide;
}

/**
 * Where |p| outgrows `size`, its largest value on the interval, in x; null means within a million radii nowhere.
 * Outside [-1, 1] every T_j rises steadily, so p does as soon as its leading terms dominate; the first crossing is found
 * by stepping outwards and bisection.
 */
export function growthOutside(p: (x: number) => number, [lo, hi]: Interval, size: number): Growth {
  const side = (end: number, direction: 1 | -1): GrowthSide => ({
    doublesAt: firstCrossing(p, end, (direction * (hi - lo)) / 2, 2 * size),
    explodesAt: firstCrossing(p, end, (direction * (hi - lo)) / 2, 1000 * size),
  });
  return { left: side(lo, -1), right: side(hi, 1) };
}

function firstCrossing(p: (x: number) => number, end: number, radius: number, limit: number): number | null {
  const beyond = (s: number) => !(Math.abs(p(end + s * radius)) <= limit);
  let inside = 0;
  let step = 1e-5;
  while (!beyond(inside + step)) {
    inside += step;
    step *= 1.05;
    if (inside > 1e6) return null;
  }
  let outside = inside + step;
  for (let i = 0; i < 50; i++) {
    const middle = (inside + outside) / 2;
    if (beyond(middle)) outside = middle;
    else inside = middle;
  }
  return end + outside * radius;
}

/** What storing constants with a scale of 2^scaleBits does to the result. */
export interface RoundingEffect {
  readonly scaleBits: number;
  /** Largest change of a value over the interval: a bound for a single polynomial, at samples for other programs. */
  readonly change: number;
}

/** Rounds every constant of a program to a multiple of 2^-scaleBits. A polynomial's changes add up, for |T_j| <= 1. */
export function roundingEffect(program: Program, scaleBits: number, xs: readonly number[]): RoundingEffect {
  const scale = 2 ** scaleBits;
  const round = (c: number) => Math.round(c * scale) / scale;
  const [only, ...more] = program.steps;
  if (only?.op === 'polynomial' && more.length === 0)
    return { scaleBits, change: only.coefficients.reduce((sum, c) => sum + Math.abs(c - round(c)), 0) };
  const rounded: Program = {
    interval: program.interval,
    steps: program.steps.map((step) => {
      if (step.op === 'polynomial') return { ...step, coefficients: step.coefficients.map(round) };
      if (step.op !== 'affine') return step;
      const terms = step.terms.map(({ value, factor }) => ({ value, factor: round(factor) }));
      return { ...step, terms, offset: round(step.offset) };
    }),
  };
  const change = xs.reduce(
    (max, x) => Math.max(max, Math.abs(evaluateProgram(program, x) - evaluateProgram(rounded, x))),
    0,
  );
  return { scaleBits, change };
}

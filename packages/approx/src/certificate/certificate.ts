import { type Density, massPoints } from '../functions/density.ts';
import type { TargetFunction } from '../functions/target.ts';
import { type Domain, fromUnit } from '../interval.ts';
import { absJet, constantJet, divideJets } from '../numeric/interval-jet.ts';
import type { Polynomial } from '../polynomial.ts';
import { evaluateProgram, type Program } from '../program/program.ts';
import { type Growth, growthOutside, type RoundingEffect, roundingEffect } from './behaviour.ts';
import type { ErrorBound } from './bound.ts';
import { hasJet, proveBound } from './proved.ts';
import { sampleBound } from './sampled.ts';

/** A point and the signed error there. */
export interface ErrorPoint {
  readonly x: number;
  readonly error: number;
}

/** What "error" means: p - f, (p - f) / |f|, or weight * (p - f). */
export const errorKinds = ['absolute', 'relative', 'weighted'] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** Everything known about the quality of an approximation. */
export interface Certificate {
  readonly errorKind: ErrorKind;
  /** The largest error of that kind. */
  readonly error: ErrorBound;
  /** The largest |p - f|; the same as `error` when its kind is absolute. */
  readonly absolute: ErrorBound;
  /** No polynomial of this shape and degree has an error (of the kind above) below this. Remez fits only. */
  readonly optimum?: number;
  /** Where the error of a Remez fit peaks with alternating sign. */
  readonly alternation: readonly ErrorPoint[];
  /** Under the observed input density: root of the mean square of p - f, and the share of inputs outside the domain. */
  readonly density?: { readonly rms: number; readonly outside: number };
  /**
   * sum |c_j| / max |p| for a polynomial, the worst such over the steps of a program: by how much relative errors of
   * constants and of the T_j may grow. Near 1 is perfect; 2^k costs about k bits.
   */
  readonly conditioning: number;
  readonly growth: Growth;
  /** The effect of storing constants with 20, 30, 40 bits after the point. */
  readonly rounding: readonly RoundingEffect[];
  /** What a reader should know, for example that rounding ended an exchange. */
  readonly notes: readonly string[];
}

export interface Objective {
  readonly kind: ErrorKind;
  /** Absent for the absolute error. */
  readonly weight?: TargetFunction;
}

/** 1/|f| as a weight, with f's jets. */
export function relativeWeight(fn: TargetFunction): TargetFunction {
  return {
    name: `1/|${fn.name}|`,
    value: (x) => 1 / Math.abs(fn.value(x)),
    ...(hasJet(fn) && { jet: (x) => divideJets(constantJet(x.lo.length - 1, 1), absJet(fn.jet(x))) }),
    breakpoints: [],
    poles: [],
  };
}

export interface CertificateInput {
  readonly fn: TargetFunction;
  readonly domain: Domain;
  readonly objective: Objective;
  readonly program: Program;
  readonly polynomial?: Polynomial;
  /** A bound of the error of the objective's kind, proved by the construction of a composition. */
  readonly provedByStages?: number;
  readonly optimum?: number;
  readonly alternation?: readonly ErrorPoint[];
  readonly density?: Density;
  readonly notes?: readonly string[];
}

/** @throws CertificateError when the error cannot be bounded */
export function certify(input: CertificateInput): Certificate {
  const { fn, domain, objective, program } = input;
  const p = (x: number) => evaluateProgram(program, x);
  const xs = checkPoints(domain);
  const bound = (weight: TargetFunction | undefined): ErrorBound => {
    const { polynomial } = input;
    if (polynomial && hasJet(fn)) {
      if (weight === undefined) return proveBound(polynomial, fn, undefined, domain);
      if (hasJet(weight)) return proveBound(polynomial, fn, weight, domain);
    }
    const weighted = (x: number) => (weight?.value(x) ?? 1) * fn.value(x);
    const size = xs.reduce((max, x) => Math.max(max, Math.abs(weighted(x))), 0);
    const error = (x: number) => (weight?.value(x) ?? 1) * (p(x) - fn.value(x));
    return sampleBound(error, domain, sampleCells(program), 2 ** -46 * size);
  };
  const first = bound(objective.weight);
  const error: ErrorBound =
    input.provedByStages === undefined
      ? first
      : { ...first, bound: Math.max(input.provedByStages, first.measured), method: 'proved', safety: 1 };
  const size = xs.reduce((max, x) => Math.max(max, Math.abs(p(x))), 0);
  return {
    errorKind: objective.kind,
    error,
    absolute: objective.kind === 'absolute' ? error : bound(undefined),
    ...(input.optimum !== undefined && { optimum: input.optimum }),
    alternation: input.alternation ?? [],
    ...(input.density && { density: densityError(fn, p, domain, input.density) }),
    conditioning: conditioning(program, xs),
    growth: growthOutside(p, [domain[0]![0], domain[domain.length - 1]![1]], size),
    rounding: [20, 30, 40].map((bits) => roundingEffect(program, bits, xs)),
    notes: input.notes ?? [],
  };
}

/** Enough first cells for black-box sampling to see every oscillation of the program. */
function sampleCells({ steps }: Program): number {
  let degree = 1;
  for (const step of steps) {
    if (step.op === 'polynomial') degree *= Math.max(1, step.coefficients.length - 1);
    else if (step.op !== 'affine') degree *= 2;
  }
  return Math.min(8192, Math.max(512, 16 * degree));
}

function checkPoints(domain: Domain): number[] {
  return domain.flatMap((part) =>
    Array.from({ length: 513 }, (_, i) => fromUnit(part, -Math.cos((Math.PI * i) / 512))),
  );
}

function densityError(fn: TargetFunction, p: (x: number) => number, domain: Domain, density: Density) {
  const { points, outside } = massPoints(density, domain, 1024);
  const rms = Math.sqrt(points.reduce((sum, { x, mass }) => sum + mass * (p(x) - fn.value(x)) ** 2, 0));
  return { rms, outside };
}

function conditioning(program: Program, xs: readonly number[]): number {
  let worst = 1;
  program.steps.forEach((step, i) => {
    if (step.op !== 'polynomial') return;
    const prefix = { interval: program.interval, steps: program.steps.slice(0, i + 1) };
    const size = xs.reduce((max, x) => Math.max(max, Math.abs(evaluateProgram(prefix, x))), 0);
    const sum = step.coefficients.reduce((s, c) => s + Math.abs(c), 0);
    if (size > 0) worst = Math.max(worst, sum / size);
  });
  return worst;
}

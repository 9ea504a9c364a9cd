import { type Certificate, type CertificateInput, certify } from './certificate/certificate.ts';
import type { Domain } from './interval.ts';
import { Polynomial } from './polynomial.ts';
import type { EvaluationCost } from './program/plan.ts';
import { evaluateProgram, type Program, programCost } from './program/program.ts';

/** How an approximation was made. */
export const methods = [
  'minimax',
  'interpolation',
  'truncation',
  'least-squares',
  'composition',
  'iteration',
  'repeated squaring',
  'double angle',
] as const;
export type Method = (typeof methods)[number];

/** A function replaced by additions and multiplications, with its error proved or bounded and its cost counted. */
export interface Approximation {
  /** Name of the function that it stands for. */
  readonly functionName: string;
  readonly domain: Domain;
  readonly method: Method;
  /** How it was made, in words: "degree 15", "degree 7, then 3 Newton steps". */
  readonly description: string;
  readonly program: Program;
  /** The polynomial, when the program is a single one: what training may fine-tune. */
  readonly polynomial?: Polynomial;
  readonly certificate: Certificate;
  readonly cost: EvaluationCost;
}

/** The value of an approximation at x. */
export function evaluate(approximation: Approximation, x: number): number {
  return evaluateProgram(approximation.program, x);
}

/** The program that evaluates one polynomial on its interval. */
export function polynomialProgram(polynomial: Polynomial): Program {
  return {
    interval: polynomial.interval,
    steps: [{ op: 'polynomial', value: 0, coefficients: polynomial.coefficients }],
  };
}

/** The polynomial of a program that is a single one. */
export function programPolynomial({ interval, steps }: Program): Polynomial | undefined {
  const [only, ...more] = steps;
  return only?.op === 'polynomial' && more.length === 0 ? new Polynomial(only.coefficients, interval) : undefined;
}

/** Certifies and counts a program. @throws CertificateError */
export function makeApproximation(
  method: Method,
  description: string,
  input: Omit<CertificateInput, 'polynomial'>,
): Approximation {
  const polynomial = programPolynomial(input.program);
  return {
    functionName: input.fn.name,
    domain: input.domain,
    method,
    description,
    program: input.program,
    ...(polynomial && { polynomial }),
    certificate: certify({ ...input, ...(polynomial && { polynomial }) }),
    cost: programCost(input.program),
  };
}

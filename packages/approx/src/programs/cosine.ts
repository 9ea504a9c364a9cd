import { proveBound } from '../certificate/proved.ts';
import { remez } from '../fit/remez.ts';
import { expressionTarget } from '../functions/catalogue.ts';
import { type Domain, hull } from '../interval.ts';
import { ProgramBuilder } from '../program/builder.ts';
import type { Program } from '../program/program.ts';

export interface CosineProgram {
  readonly program: Program;
  /** Proved bound of the absolute error. */
  readonly error: number;
}

/**
 * amplitude * cos(2 pi z) by a polynomial for the slower cos(2 pi z / 2^r) and r double angles y -> 2 y^2 - a (Han & Ki,
 * CT-RSA 2020). The polynomial is scaled by amplitude^(1 / 2^r), so that EvalMod's 1 / (2 pi) costs nothing (Bossuat et al.,
 * EUROCRYPT 2021): a_0 = amplitude^(1/2^r), a_{i+1} = a_i^2. On a symmetric interval it is even: EvalMod passes z = x - 1/4.
 */
export function cosineDoubleAngle(domain: Domain, degree: number, doubleAngles: number, amplitude = 1): CosineProgram {
  const slow = expressionTarget(`cos(2*pi*x/${2 ** doubleAngles})`, `cos(2 pi x / ${2 ** doubleAngles})`, {
    symmetry: { parity: 'even', constant: 0, slope: 0 },
  });
  const { polynomial } = remez({ fn: slow, degree, domain });
  let error = proveBound(polynomial, slow, undefined, domain).bound;
  let scale = amplitude ** (2 ** -doubleAngles);
  const builder = new ProgramBuilder(hull(domain));
  let y = builder.polynomial(builder.input, polynomial.transform(scale).coefficients);
  for (let i = 0; i < doubleAngles; i++) {
    scale *= scale;
    y = builder.affine([[builder.square(y), 2]], -scale);
    // 2 (c + e)^2 - 1 differs from 2 c^2 - 1 by 4 c e + 2 e^2, and |c| <= 1.
    error = 4 * error + 2 * error * error;
  }
  // Rounding of the scaled constants, amplified like any other error.
  const rounding = 2 ** -50 * (polynomial.degree + 1) * 4 ** doubleAngles;
  return { program: builder.build(), error: amplitude * (error + rounding) };
}

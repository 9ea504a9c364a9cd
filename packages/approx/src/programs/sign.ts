import { provedChainRange } from '../certificate/range.ts';
import { ConvergenceError, OptionError } from '../errors.ts';
import type { FitProblem } from '../fit/ansatz.ts';
import { remez } from '../fit/remez.ts';
import { catalogueFunction } from '../functions/catalogue.ts';
import { Polynomial } from '../polynomial.ts';

/** One stage of a composite sign: an odd polynomial on [-1, 1] whose output is again in [-1, 1], but for the last one's. */
export interface SignStage {
  readonly polynomial: Polynomial;
  /** |x| it is made for, from the stage before. */
  readonly from: number;
  /** The best possible |p - 1| before its output is scaled: the stage's minimax error. */
  readonly referenceError: number;
}

export interface CompositeSign {
  readonly degrees: readonly number[];
  readonly stages: readonly SignStage[];
  /** Largest |p_k(...p_1(x)) - sign(x)| for gap <= |x| <= 1, as designed (see `proveSign` for the bound). */
  readonly error: number;
}

/** By what fraction of its distance from 1 (or 0) each end of a stage's range is set wider: room for the slack of the proof. */
const widening = 2e-4;

/** A stage this precise leaves nothing that doubles could pass on to a further one. */
const finest = 1e-13;

const sign = catalogueFunction('sign')!;

/**
 * The minimax composite polynomial of sign on gap <= |x| <= 1: every stage is the best odd polynomial for the range the
 * stages before leave (E. Lee, J.-W. Lee, J.-S. No, Y.-S. Kim, "Minimax approximation of sign function by composite
 * polynomial for homomorphic comparison", ePrint 2020/834). The map of each range to [-1, 1] is
 * folded into the coefficients of the stage before, so no level is spent on it.
 *
 * @param margin what the scheme may add to every stage's input, widening its range (0 for the ideal composition)
 * @throws OptionError for even degrees or a gap outside (0, 1)
 */
export function compositeSign(gap: number, degrees: readonly number[], margin = 0, widen = widening): CompositeSign {
  if (!(gap > 0 && gap < 1))
    throw new OptionError(`the gap ${gap} has to lie between 0 and 1: it is the least |x| that is told from 0`);
  if (degrees.length === 0 || degrees.some((d) => d % 2 !== 1 || d < 1))
    throw new OptionError(`sign stages need odd degrees, not [${degrees.join(', ')}]`);
  const stages: SignStage[] = [];
  let from = gap / (1 + margin);
  let error = 1;
  degrees.forEach((degree, i) => {
    if (error < finest)
      throw new OptionError(
        `stage ${i} of the sign composition already leaves an error of ${error.toExponential(1)}: drop the stages after it`,
      );
    const { polynomial, referenceError } = stageOrRefuse(from, degree, i);
    error = referenceError;
    const last = i === degrees.length - 1;
    const room = widen * Math.min(error, 1 - error) + (widen > 0 ? 2 ** -46 : 0) + margin;
    const reach = last ? 1 : 1 + error + room;
    stages.push({ polynomial: polynomial.transform(1 / reach), from, referenceError });
    from = (1 - error - room) / reach;
  });
  return { degrees, stages, error };
}

function stageOrRefuse(from: number, degree: number, stage: number): ReturnType<typeof oddSign> {
  try {
    return oddSign(from, degree);
  } catch (error) {
    if (!(error instanceof ConvergenceError) || error.reason !== 'rounding') throw error;
    throw new OptionError(
      `stage ${stage + 1} of the sign composition, degree ${degree}, is more precise than doubles can tell: lower its degree or drop it`,
    );
  }
}

/** The best odd polynomial for sign on from <= |x| <= 1. */
export function oddSign(from: number, degree: number): { polynomial: Polynomial; referenceError: number } {
  if (degree === 1) {
    const slope = 2 / (1 + from);
    return { polynomial: new Polynomial([0, slope]), referenceError: (1 - from) / (1 + from) };
  }
  const problem: FitProblem = {
    fn: sign,
    degree,
    domain: [
      [-1, -from],
      [from, 1],
    ],
  };
  try {
    return remez(problem);
  } catch (error) {
    if (!(error instanceof ConvergenceError) || error.reason !== 'rounding') throw error;
    return remez(problem, { precision: 'double-double' });
  }
}

/** Largest |p_k(...p_1(x)) - 1| over gap <= x <= 1, proved stage by stage; odd stages make it hold for -x too. */
export function proveSign({ stages }: CompositeSign, gap: number): number {
  const [lo, hi] = provedChainRange(
    stages.map(({ polynomial }) => polynomial),
    [gap, 1],
  );
  return Math.max(Math.abs(lo - 1), Math.abs(hi - 1));
}

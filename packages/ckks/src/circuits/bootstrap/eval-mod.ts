import { type EvaluationPlan, evaluationPlan, interpolate, Polynomial } from '@cipherformer/approx';
import { checkWhole } from '../../errors/checks.ts';
import { ParameterError } from '../../errors/index.ts';
import { type Ciphertext, type Evaluator, ephemeralWeight } from '../../scheme/index.ts';
import { evaluationWork, PolynomialEvaluator } from '../polynomial/polynomial.ts';

/** How `EvalMod` approximates. */
export interface EvalModOptions {
  /** Degree in w = T_2, at least 1; the degree in x is twice as much. */
  readonly degree: number;
  /** r: how often the angle is doubled, at least 0. */
  readonly doubleAngles: number;
  /** |x| <= bound, but for a failure of the sparse secret's distribution. */
  readonly bound: number;
  /** The largest |m|: slots of 1 divided by q0 / scale. */
  readonly message: number;
  /**
   * Odd degree of an arcsine after the sine, for messages that the sine alone bends too far. Default: none.
   */
  readonly arcsine?: number | undefined;
}

/**
 * log2 of a bound on the probability that any coefficient of a raised ciphertext exceeds `bound` in absolute value: it
 * is a sum of h + 1 uniform values in (-1/2, 1/2); Chernoff's bound E exp(s X) exp(-s bound), with E exp(s U) =
 * sinh(s/2) / (s/2), best s, times two sides and N coefficients.
 */
export function log2FailureProbability(bound: number, logN: number, weight = ephemeralWeight): number {
  const log2Bound = (s: number) => {
    const logMoment = s / 2 - Math.log(s) + Math.log1p(-Math.exp(-s));
    return ((weight + 1) * logMoment - s * bound) / Math.LN2;
  };
  let best = 0;
  for (let s = 0.25; s < 4000; s *= 1.01) best = Math.min(best, log2Bound(s));
  return best + logN + 1;
}

export const defaultEvalMod: EvalModOptions = { degree: 15, doubleAngles: 3, bound: 15.5, message: 2 ** -10 };

/** The arcsine is fitted to so many messages on either side: what is refreshed may be beyond 1 by as much as a range check lets through. */
export const arcsineReach = 1.7;

/** Messages up to this one, and the degree of the arcsine that brings 20 bits or more of them back; none for the first. */
const arcsines = [
  [2 ** -9.5, undefined],
  [2 ** -6.5, 3],
  [2 ** -4.5, 7],
] as const;

/**
 * The options for messages of at most q0 / 2^ratioBits: a scale nearer to q0 leaves less noise, and bends the sine more, which
 * an arcsine straightens for two or three levels.
 * @throws ParameterError where the scale is too near to q0
 */
export function evalModFor(ratioBits: number): EvalModOptions {
  const message = 2 ** -Math.min(10, Math.round(ratioBits));
  const fitting = arcsines.find(([largest]) => message <= largest);
  if (!fitting)
    throw new ParameterError(
      `a scale of q0 / 2^${ratioBits.toFixed(1)} is too near to q0 for bootstrapping: leave 5 bits or more between them`,
    );
  const [, arcsine] = fitting;
  return { ...defaultEvalMod, message, ...(arcsine === undefined ? {} : { arcsine }) };
}

/**
 * x mod 1 for x = I + m with small m, as sin(2 pi x) / 2 pi (Cheon, Han, Kim, Kim, Song, EUROCRYPT 2018), the sine as a
 * cosine with double angles (Han, Ki, CT-RSA 2020; Bossuat et al., EUROCRYPT 2021, section 5).
 *
 * With y = x - 1/4, sin(2 pi x) = cos(2 pi y), and cos(2 pi y / 2^r) is even in y: a polynomial of degree 2 d in y is one
 * of degree d in w = T_2(y / Y), Y the largest |y|. Then r double angles, c -> 2 c^2 - A, each one level. Where a message is large,
 * an arcsine of the sine's slots follows, an odd polynomial of low degree (Lee, Lee, Lee, Kim, No, EUROCRYPT 2021), at the
 * result's scale and in primes of its size.
 */
export class EvalMod {
  readonly options: EvalModOptions;
  /** Half the width of the interval of y = x - 1/4. */
  readonly halfWidth: number;
  /** The cosine of the first angle as a polynomial in w. */
  readonly #series: Polynomial;
  /** How the series is evaluated. */
  readonly seriesPlan: EvaluationPlan;
  /** Of the sine: a little more than 1 / 2 pi. */
  readonly #amplitude: number;
  /** From the sine of a slot, in units of `arcsineReach` messages, to the slot, in units of the largest message. */
  readonly #arcsine: Polynomial | undefined;
  readonly arcsinePlan: EvaluationPlan | undefined;

  /** @throws ParameterError for options out of range */
  constructor(options: EvalModOptions = defaultEvalMod) {
    checkWhole('evalMod.degree', options.degree, 1, 255);
    checkWhole('evalMod.doubleAngles', options.doubleAngles, 0, 10);
    checkBetween('evalMod.bound', options.bound, 1, 1024);
    checkBetween('evalMod.message', options.message, 0, 0.25);
    const { arcsine } = options;
    if (arcsine !== undefined) checkWhole('evalMod.arcsine', arcsine, 3, 15);
    this.options = options;
    this.halfWidth = options.bound + 0.25;
    // sin(2 pi m) / 2 pi falls short of m by (2 pi)^2 m^3 / 6. Of all a m - (2 pi)^2 m^3 / 6, the one that stays closest to m
    // for |m| <= M has a quarter of that error (m^3 - 3/4 M^2 m is a Chebyshev polynomial), and costs nothing.
    const raised = arcsine === undefined ? (2 * Math.PI * options.message) ** 2 / 8 : 0;
    this.#amplitude = (1 + raised) / (2 * Math.PI);
    const amplitude = this.#amplitude ** (1 / 2 ** options.doubleAngles);
    const series = (w: number) => {
      const y = this.halfWidth * Math.sqrt(Math.max(0, (w + 1) / 2));
      return amplitude * Math.cos((2 * Math.PI * y) / 2 ** options.doubleAngles);
    };
    // Not by `toTarget`: it knows a catalogue of functions, which bundles for browsers would bring along.
    const fn = { name: 'cosine', value: series, breakpoints: [], poles: [] };
    this.#series = interpolate({ fn, domain: [[-1, 1]], degree: options.degree });
    this.seriesPlan = evaluationPlan(this.#series.coefficients);
    if (arcsine !== undefined) {
      const angle = 2 * Math.PI * options.message;
      const straight = (sine: number) => Math.asin(angle * sine) / angle;
      const inverse = { name: 'arcsine', value: straight, breakpoints: [], poles: [] };
      const { coefficients } = interpolate({ fn: inverse, domain: [[-arcsineReach, arcsineReach]], degree: arcsine });
      // It is odd: what interpolation leaves elsewhere is rounding.
      this.#arcsine = new Polynomial(coefficients.map((value, i) => (i % 2 === 0 ? 0 : value)));
      this.arcsinePlan = evaluationPlan(this.#arcsine.coefficients);
    }
  }

  /** Levels of wide primes: one for T_2, those of the series (ceil(log2(degree + 1))), one for each double angle. */
  get sineLevels(): number {
    return 1 + this.seriesPlan.cost.levels + this.options.doubleAngles;
  }

  /** Levels that the arcsine takes, of primes of the scale's size. */
  get arcsineLevels(): number {
    return this.arcsinePlan?.cost.levels ?? 0;
  }

  /** Levels in all. */
  get levels(): number {
    return this.sineLevels + this.arcsineLevels;
  }

  /** The levels of the relinearisations and of the plain rescalings for an input at `level`. */
  work(level: number): { relinearisations: number[]; rescalings: number[] } {
    const { cost } = this.seriesPlan;
    const series = evaluationWork(this.seriesPlan, level - 1);
    const doubleAngles = Array.from({ length: this.options.doubleAngles }, (_, k) => level - 1 - cost.levels - k);
    const end = this.arcsinePlan && evaluationWork(this.arcsinePlan, level - this.sineLevels);
    return {
      relinearisations: [level, ...series.relinearisations, ...doubleAngles, ...(end?.relinearisations ?? [])],
      rescalings: [...series.rescalings, ...(end?.rescalings ?? [])],
    };
  }

  /** What the circuit computes of x in exact arithmetic: the error of the approximation, without any noise. */
  clear(x: number): number {
    return this.intermediates(x).result;
  }

  /** The same with what noise analysis needs: w, the cosine before each double angle, and the sine that the last one gives. */
  intermediates(x: number): {
    readonly w: number;
    readonly cosines: readonly number[];
    readonly sine: number;
    readonly result: number;
  } {
    const u = (x - 0.25) / this.halfWidth;
    const w = 2 * u * u - 1;
    const cosines = [this.#series.evaluate(w)];
    for (let k = 1; k <= this.options.doubleAngles; k++) cosines.push(2 * cosines.at(-1)! ** 2 - this.#offset(k));
    const sine = cosines.pop()!;
    const { message } = this.options;
    const result = this.#arcsine ? message * this.#arcsine.evaluate(sine / (message * arcsineReach)) : sine;
    return { w, cosines, sine, result };
  }

  /** After the k-th double angle of a cosine of amplitude A^(1/2^r): the square of the amplitude before. */
  #offset(k: number): number {
    return this.#amplitude ** (2 ** k / 2 ** this.options.doubleAngles);
  }

  /**
   * u -> x mod 1, where u = x / halfWidth are the slots. Cost: `work`, a key switch for each relinearisation.
   * @param targetScale exact scale of the result, at level u.level - levels
   * @throws OperandError where u has too few levels
   */
  apply(evaluator: Evaluator, u: Ciphertext, targetScale: number): Ciphertext {
    const sine = this.#applySine(evaluator, u, targetScale);
    if (!this.arcsinePlan) return sine;
    using before = sine;
    // The slots now count messages, so that the arcsine's argument is in [-1, 1].
    const scale = targetScale * this.options.message;
    before.scale = scale * arcsineReach;
    const result = new PolynomialEvaluator(evaluator).evaluatePlan(before, this.arcsinePlan, scale);
    result.scale = targetScale;
    return result;
  }

  /** sin(2 pi x) / 2 pi. */
  #applySine(evaluator: Evaluator, u: Ciphertext, targetScale: number): Ciphertext {
    const { parameters } = evaluator.context;
    // Each squaring takes a scale S to S^2 / q: choose the series' scale so that the last one ends on the target.
    let scale = targetScale;
    const last = u.level - this.sineLevels;
    for (let k = 0; k < this.options.doubleAngles; k++) scale = Math.sqrt(scale * parameters.primeAt(last + k + 1));
    using shifted = evaluator.addConstant(u, -0.25 / this.halfWidth);
    using square = evaluator.multiplyRaw(shifted, shifted);
    evaluator.addTo(square, square);
    evaluator.addConstantTo(square, -1);
    using w = evaluator.relineariseRescale(square);
    let c = new PolynomialEvaluator(evaluator).evaluatePlan(w, this.seriesPlan, scale);
    for (let k = 1; k <= this.options.doubleAngles; k++) {
      using before = c;
      using doubled = evaluator.multiplyRaw(before, before);
      evaluator.addTo(doubled, doubled);
      evaluator.addConstantTo(doubled, -this.#offset(k));
      c = evaluator.relineariseRescale(doubled);
    }
    return c;
  }
}

function checkBetween(name: string, value: number, low: number, high: number): void {
  if (!(value > low && value <= high))
    throw new ParameterError(`${name} must be above ${low} and at most ${high}, not ${value}`);
}

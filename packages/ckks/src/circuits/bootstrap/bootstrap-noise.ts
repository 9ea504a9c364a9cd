import { ephemeralWeight, NoiseModel, type NoisyValue } from '../../scheme/index.ts';
import { linearTransformNoise, polynomialNoise } from '../noise.ts';
import type { BootstrapPlan } from './bootstrap-plan.ts';
import { arcsineReach } from './eval-mod.ts';

/** What a refresh of real slots is expected to add to them. Its input's own errors come on top, unchanged. */
export interface BootstrapPrecision {
  /** Root mean square of the error's real part: noise, the series and the sine. */
  readonly deviation: number;
  /** The same of its imaginary part, noise alone. */
  readonly imaginaryDeviation: number;
  /** -log2 of the mean over the slots of |error|, of both parts. */
  readonly meanBits: number;
  /** -log2 of the median of the largest |error| of all slots. */
  readonly worstBits: number;
  /** Standard deviations of the real part by cause, in slots of the result; `approximation` is a root mean square. */
  readonly parts: {
    readonly slotsToCoeffs: number;
    readonly coeffsToSlots: number;
    readonly evalMod: number;
    readonly approximation: number;
  };
}

/** Slots spread evenly over [-1, 1]. */
const spread: readonly number[] = Array.from({ length: 16 }, (_, i) => (2 * i + 1) / 16 - 1);

/**
 * What `Bootstrapper.real` is expected to leave of slots with these values (default: spread evenly over [-1, 1]) at the
 * parameters' scale, from its plan alone. Takes about a second at N = 2^16, as every entry of the matrices counts.
 *
 * SlotsToCoeffs and the switch to the sparse secret leave an error in every coefficient, which later steps carry to a slot
 * as it is: EvalMod has derivative 1 at whole numbers. The switch back, the trace, CoeffsToSlots and the conjugation work
 * on x = I + m, of variance (weight + 1) / 12; EvalMod multiplies their errors by its half width and adds its own. All of
 * it is divided by m / q0.
 *
 * Errors of different slots are not of one size, and the largest of all slots shows it. EvalMod's depend on the slot's
 * whole number I, by the derivatives there and the series' error; and rounding errors reach a slot times the secret's
 * value in it, as e0 + e1 s, the same s for all of them. Given I and |s|, errors are taken as normal: a mixture whose
 * tail falls like exp(-t), not exp(-t^2).
 */
export function bootstrapPrecision(plan: BootstrapPlan, values: readonly number[] = spread): BootstrapPrecision {
  const { parameters, slots, evalMod } = plan;
  const ratio = parameters.primeAt(0) / parameters.scale;
  const model = new NoiseModel(parameters);
  const bottom = Math.sqrt(slotsToCoeffs(plan, model, values)) / parameters.scale;
  const raised = coeffsToSlots(plan, model);
  const scale = parameters.primeAt(0);
  const conjugation = model.keySwitch(0, plan.splitLevel);
  // x + conj(x): errors of x are doubled in the real part and vanish in the imaginary one, those of the switch do neither.
  const gain = evalMod.halfWidth * ratio;
  const top = model.slotDeviation(4 * raised + conjugation, scale, slots) * gain;
  const imaginaryTop = model.slotDeviation(conjugation, scale, slots) * gain;
  const classes: ErrorClass[] = [];
  let own = 0;
  let approximation = 0;
  for (const [whole, probability] of wholeNumbers(evalMod.options.bound)) {
    const noise = slots * ratio ** 2 * evalModNoise(plan, model, whole);
    own += probability * noise;
    for (const value of values) {
      const share = probability / values.length;
      const mean = ratio * (evalMod.clear(whole + value / ratio) - value / ratio);
      approximation += share * mean ** 2;
      for (const [power, weight] of secretPowers)
        classes.push({
          share: share * weight,
          mean,
          real: Math.sqrt(bottom ** 2 + top ** 2 + power * noise),
          imaginary: Math.sqrt(imaginaryTop ** 2 + power * noise),
        });
    }
  }
  return {
    deviation: Math.sqrt(bottom ** 2 + top ** 2 + own + approximation),
    imaginaryDeviation: Math.sqrt(imaginaryTop ** 2 + own),
    // When asked for: two integrals over all classes, half of the whole cost, which a simulation never reads.
    get meanBits() {
      return -Math.log2(meanError(classes));
    },
    get worstBits() {
      return -Math.log2(largestError(classes, slots));
    },
    parts: {
      slotsToCoeffs: bottom,
      coeffsToSlots: top,
      evalMod: Math.sqrt(own),
      approximation: Math.sqrt(approximation),
    },
  };
}

/** Variance of a coefficient under the sparse secret, in units of the input's scale. */
function slotsToCoeffs(plan: BootstrapPlan, model: NoiseModel, values: readonly number[]): number {
  const { parameters } = plan;
  const meanSquare = values.reduce((sum, x) => sum + x ** 2, 0) / values.length;
  let at: NoisyValue = { variance: 0, power: meanSquare * parameters.scale ** 2 };
  for (const [i, matrix] of plan.slotsToCoeffsMatrices().entries())
    at = linearTransformNoise(model, plan.slotsToCoeffs[i]!, matrix, at);
  return new NoiseModel(parameters, ephemeralWeight).keySwitch(at.variance, 0, plan.encapsulation);
}

/** Variance after CoeffsToSlots, in units of the scale q0. */
function coeffsToSlots(plan: BootstrapPlan, model: NoiseModel): number {
  const { parameters, slots, traceSteps } = plan;
  const top = parameters.maxLevel;
  let variance = model.keySwitch(0, top);
  // Coefficients that decoding reads are doubled by every step, with their errors.
  for (let i = 0; i < traceSteps; i++) variance = model.keySwitch(4 * variance, top);
  const coefficient = 2 ** traceSteps * parameters.primeAt(0) * Math.sqrt((ephemeralWeight + 1) / 12);
  let at: NoisyValue = { variance, power: 2 * slots * coefficient ** 2 };
  for (const [i, matrix] of plan.coeffsToSlotsMatrices().entries())
    at = linearTransformNoise(model, plan.coeffsToSlots[i]!, matrix, at);
  return at.variance;
}

/**
 * Variance that EvalMod adds of its own at x = `whole`, a coefficient of the result divided by its scale: T_2, the series,
 * the double angles and the arcsine, each rescale times the derivative of the result with respect to what it rounds.
 */
function evalModNoise(plan: BootstrapPlan, model: NoiseModel, whole: number): number {
  const { parameters, evalMod, splitLevel, outputLevel } = plan;
  const { doubleAngles } = evalMod.options;
  const { w, cosines } = evalMod.intermediates(whole);
  const sineLevel = outputLevel + evalMod.arcsineLevels;
  // Scales before each double angle, the last result's first: each takes S to S^2 / q.
  const scales = [parameters.primeAt(0)];
  for (let k = 0; k < doubleAngles; k++) scales.unshift(Math.sqrt(scales[0]! * parameters.primeAt(sineLevel + k + 1)));
  const input = {
    variance: model.relineariseRescale(0, splitLevel),
    level: splitLevel - 1,
    scale: parameters.primeAt(0) ** 2 / parameters.primeAt(splitLevel),
  };
  let variance = polynomialNoise(model, evalMod.seriesPlan, input, [w], scales[0]!) / scales[0]! ** 2;
  for (let k = 0; k < doubleAngles; k++) {
    const level = sineLevel + doubleAngles - k;
    variance = (4 * cosines[k]!) ** 2 * variance + model.relineariseRescale(0, level) / scales[k + 1]! ** 2;
  }
  if (!evalMod.arcsinePlan) return variance;
  // Its derivative is 1 to a few per cent; what it adds of its own is in units of the parameters' scale, as what came is of q0.
  const straightened = {
    variance: variance * parameters.primeAt(0) ** 2,
    level: sineLevel,
    scale: arcsineReach * parameters.scale,
  };
  const samples = spread.map((value) => value / arcsineReach);
  const after = polynomialNoise(model, evalMod.arcsinePlan, straightened, samples, parameters.scale);
  return after / parameters.primeAt(0) ** 2;
}

/** I and its probability: a sum of weight + 1 uniform values in (-1/2, 1/2), rounded, is close to normal. */
function wholeNumbers(bound: number): [number, number][] {
  const variance = (ephemeralWeight + 1) / 12;
  const most = Math.min(9, Math.floor(bound));
  const weights = Array.from({ length: 2 * most + 1 }, (_, i): [number, number] => {
    const whole = i - most;
    return [whole, Math.exp(-(whole ** 2) / (2 * variance))];
  });
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  return weights.map(([whole, weight]) => [whole, weight / total]);
}

/** Slots with the same I and value: their errors are normal. */
interface ErrorClass {
  readonly share: number;
  readonly mean: number;
  readonly real: number;
  readonly imaginary: number;
}

/**
 * |secret|^2 in a slot over its mean, and its probability: the secret's slots are nearly complex normal, so their squares
 * are exponentially distributed. The trapezoidal rule over its logarithm.
 */
const secretPowers: readonly (readonly [number, number])[] = Array.from({ length: 24 }, (_, i) => {
  const power = Math.exp(i / 2 - 8);
  return [power, 0.5 * power * Math.exp(-power)];
});

/** Nodes and weights of an integral over a standard normal value: the trapezoidal rule, exact to 1e-8 here. */
const normal: readonly (readonly [number, number])[] = Array.from({ length: 25 }, (_, i) => {
  const z = (i - 12) / 2;
  return [z, (0.5 * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)];
});

/** The mean of |error| over the slots of all classes, by sums over the normal distribution. */
function meanError(classes: readonly ErrorClass[]): number {
  let sum = 0;
  for (const { share, mean, real, imaginary } of classes)
    for (const [x, p] of normal)
      for (const [y, q] of normal) sum += share * p * q * Math.hypot(mean + real * x, imaginary * y);
  return sum;
}

/** The t that the largest |error| of `slots` exceeds with probability 1/2. */
function largestError(classes: readonly ErrorClass[], slots: number): number {
  const wanted = 1 - 0.5 ** (1 / slots);
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const t = (low + high) / 2;
    let probability = 0;
    for (const { share, mean, real, imaginary } of classes) {
      for (const [y, q] of normal) {
        const rest = Math.sqrt(Math.max(0, t ** 2 - (imaginary * y) ** 2));
        probability += share * q * (normalTail((rest - mean) / real) + normalTail((rest + mean) / real));
      }
    }
    [low, high] = probability > wanted ? [t, high] : [low, t];
  }
  return high;
}

/** P(Z > x) of a standard normal Z, to 0.3%: Börjesson and Sundberg, IEEE Transactions on Communications 27 (1979). */
function normalTail(x: number): number {
  if (x < 0) return 1 - normalTail(-x);
  return Math.exp((-x * x) / 2) / (0.661 * x + 0.339 * Math.sqrt(x * x + 5.51)) / Math.sqrt(2 * Math.PI);
}

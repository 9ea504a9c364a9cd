import {
  type GraphInputs,
  PolynomialEvaluator,
  type PolynomialGraph,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import { Gaussian, joinExamples, type PlannedProgram, packInputs, runSimulated } from '@cipherformer/runtime';
import { logitsOnFewSlots } from './fewer-slots.ts';

/** Random inputs that are simulated. */
const samples = 2;
/** Standard deviations that an error stays below: of 1e14 normal errors one is beyond 7.7. */
const deviations = 8;
/** Measured errors are within three bits of simulated ones (docs/benchmarks/encrypted.md). */
const simulationFactor = 2 ** 3;
/** Halvings of the interval in which the largest input in range is sought. */
const bisections = 10;
/** Inputs are tried up to so many times the bounds that calibration gave them. */
const largestInput = 4;

/** What noise is expected to make of logits. */
export interface PredictedError {
  /** How far a decrypted logit may be from the program's without noise: a bound that holds but once in 1e14 answers. */
  readonly error: number;
  /**
   * The largest difference to expect of one answer's logits, these at unit spread: what `bench models` and `eval` measure.
   * Absent for a program of one number.
   */
  readonly errorAtUnitSpread?: number;
}

/** Above this error at unit spread close answers change: a program says so, and more precision is worth its time. */
export const highestGoodError = 1e-2;

/**
 * How far logits will be from the program's without noise. The bound is 8 standard deviations of the simulated error, the
 * largest of a few random inputs, times what simulation and measurement may differ by. Predictions for inputs in range, no
 * proof: noise depends on the input, and grows towards the ends of the polynomials' intervals. So the random inputs are as
 * large as the model takes, for the bound; as large as those that it was calibrated on, for what to expect.
 * For the shipped models the bound is 142 and 17 times the largest error of 20 and 8 encrypted answers. Undefined where no
 * random input is in range, or nothing adds noise.
 * Cost: a simulation each on as few slots as show the program: with the noise of a bootstrap, two seconds at N = 2^16.
 */
export function predictError(
  planned: PlannedProgram,
  graph: PolynomialGraph,
  batch: number,
): PredictedError | undefined {
  const few = { ...planned, program: logitsOnFewSlots(planned.program) };
  const sizes = planned.program.outputs.flatMap(({ name, slots }) => (name === 'logits' ? [slots.length / batch] : []));
  const outputs = sizes.reduce((sum, count) => sum + count, 0);
  const evaluator = new PolynomialEvaluator(graph);
  /** Root mean squares of the error, by output; and the largest error to expect at unit spread. */
  const simulated = (inputs: GraphInputs, seed: number) => {
    const packed = packInputs(few.program, joinExamples([inputs], batch));
    // What the program computes without noise, in a hundredth of its time.
    const logits = evaluator.run(inputs);
    const errors: number[] = [];
    let first = 0;
    let squares = 0;
    for (const [i, values] of runSimulated(few, packed, { seed }).outputs.entries()) {
      const exact = logits.subarray(first, first + sizes[i]!);
      const error = rootMeanSquare(values.map((value, k) => value - exact[k % exact.length]!));
      errors.push(error);
      squares += exact.length * error ** 2;
      first += exact.length;
    }
    // The largest of as many normal errors.
    const expected = Math.sqrt((2 * Math.log(2 * first) * squares) / first);
    return { largest: Math.max(...errors), atUnitSpread: expected / standardDeviation(logits) };
  };
  let largest = 0;
  let size = 1;
  for (let seed = 1; seed <= samples; seed++) {
    const found = largestInRange(evaluator, seed);
    if (!found) return undefined;
    largest = Math.max(largest, simulated(found.inputs, seed).largest);
    size = Math.min(size, found.size);
  }
  const { atUnitSpread } = simulated(randomInputs(graph, samples + 1)(size), samples + 1);
  if (largest === 0) return undefined;
  const error = finite(deviations * simulationFactor * largest);
  return atUnitSpread === 0 || outputs === 1 ? { error } : { error, errorAtUnitSpread: finite(atUnitSpread) };
}

/** An error beyond all numbers is still one: of a program whose values explode. */
function finite(error: number): number {
  return Number.isFinite(error) ? error : Number.MAX_VALUE;
}

/** A random input whose numbers are as large as the model's intervals allow. */
function largestInRange(
  evaluator: PolynomialEvaluator,
  seed: number,
): { readonly inputs: GraphInputs; readonly size: number } | undefined {
  const { graph } = evaluator;
  const inRange = (inputs: GraphInputs) => {
    const recorder = new ValueRecorder(graph);
    evaluator.run(inputs, recorder.nextExample());
    return untrustedExamples(recorder.record()) === 0;
  };
  const unit = randomInputs(graph, seed);
  let [low, high] = [0, largestInput];
  for (let i = 0; i < bisections; i++) {
    const middle = (low + high) / 2;
    if (inRange(unit(middle))) low = middle;
    else high = middle;
  }
  return low > 0 ? { inputs: unit(low), size: low } : undefined;
}

/** Normal inputs, of a third of `size` times their calibrated bounds. All tokens of a text are real, and pooled alike. */
function randomInputs({ nodes, tokens }: PolynomialGraph, seed: number): (size: number) => GraphInputs {
  const gaussian = new Gaussian(seed);
  const parts = nodes.flatMap((node) => {
    if (node.op !== 'input') return [];
    const { name, features, bound } = node;
    const fixed = name === 'mask' ? 1 : name === 'pooling' ? 1 / tokens : undefined;
    const values = new Float64Array(tokens * features);
    return [{ name, fixed, values: fixed === undefined ? gaussian.addTo(values, bound / 3) : values.fill(fixed) }];
  });
  return (size) =>
    Object.fromEntries(
      parts.map(({ name, fixed, values }) => [name, fixed === undefined ? values.map((x) => size * x) : values]),
    );
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return rootMeanSquare(values.map((x) => x - mean));
}

function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x ** 2, 0) / values.length);
}

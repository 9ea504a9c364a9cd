import { best, median, spread, spreadDifference } from '../measure/statistics.ts';
import type { EncryptedAnswer } from './session.ts';

/** The four answers to one example, as logits [outputs]. */
export interface ExampleResult {
  /** Its number in the split. */
  readonly index: number;
  /** The class, or the token that follows the window. */
  readonly label: number;
  /** The trained model in float32. */
  readonly original: readonly number[];
  /** The polynomial model in float64. */
  readonly polynomial: readonly number[];
  /** The encrypted program on clear slots with the noise that the engine's formulas predict. */
  readonly simulated: readonly number[];
  readonly encrypted: EncryptedAnswer;
  /** In clear, a polynomial of the model saw a value outside its interval. */
  readonly outside: boolean;
}

/** What was measured, apart from the examples. */
export interface EvaluationFacts {
  /** Names models, data and choice of examples: results of equal identity belong together. */
  readonly identity: string;
  readonly model: string;
  readonly classes?: readonly string[];
  readonly split: string;
  readonly choice: string;
  readonly program: string;
  readonly parameters: string;
  readonly bootstraps: number;
  readonly keyBytes: { readonly predicted: number; readonly measured: number };
  readonly predictedPeakBytes: number;
  /** Examples that a run computes at once. */
  readonly batch: number;
  /** How many logits of an example each output ciphertext holds. */
  readonly outputSizes: readonly number[];
}

/** The largest difference between encrypted and clear polynomial logits, these at unit spread. */
export const differenceOf = ({ polynomial, encrypted }: ExampleResult): number =>
  spreadDifference(polynomial, encrypted.logits);

export interface NoiseBits {
  /** Number of the output ciphertext. */
  readonly output: number;
  /** -log2 of the root mean square error of its logits at unit spread, over all trusted examples. */
  readonly simulated: number;
  readonly measured: number;
}

export interface Summary {
  readonly examples: number;
  /** Examples answered right. A flagged answer is none. */
  readonly right: Readonly<Record<'original' | 'polynomial' | 'simulated' | 'encrypted', number>>;
  /** Answers that the client did not trust, and those of them that stayed within every interval in clear. */
  readonly flagged: number;
  readonly falseAlarms: number;
  /** Trusted answers with the largest logit where the polynomial model in clear has it. */
  readonly agree: number;
  /** Undefined where no answer was trusted. */
  readonly worstDifference?: number;
  readonly noiseBits: readonly NoiseBits[];
  /** Medians of a run. */
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly systemSeconds: number;
  readonly predictedCpuSeconds: number;
  /** Median of predicted over measured processor time. */
  readonly cpuRatio: number;
  readonly peakRssBytes: number;
}

/** The figures of all examples together; noise and differences over the trusted ones. */
export function summarise(examples: readonly ExampleResult[], outputSizes: readonly number[]): Summary {
  const trusted = examples.filter(({ encrypted }) => encrypted.trusted);
  const flagged = examples.filter(({ encrypted }) => !encrypted.trusted);
  const right = (pick: (example: ExampleResult) => readonly number[], among = examples) =>
    among.filter((example) => best(pick(example)) === example.label).length;
  const run = (pick: (answer: EncryptedAnswer) => number) => median(examples.map(({ encrypted }) => pick(encrypted)));
  return {
    examples: examples.length,
    right: {
      original: right(({ original }) => original),
      polynomial: right(({ polynomial }) => polynomial),
      simulated: right(({ simulated }) => simulated),
      encrypted: right(({ encrypted }) => encrypted.logits, trusted),
    },
    flagged: flagged.length,
    falseAlarms: flagged.filter(({ outside }) => !outside).length,
    agree: trusted.filter(({ polynomial, encrypted }) => best(polynomial) === best(encrypted.logits)).length,
    ...(trusted.length > 0 ? { worstDifference: Math.max(...trusted.map(differenceOf)) } : {}),
    noiseBits: trusted.length > 0 ? noiseBits(trusted, outputSizes) : [],
    wallSeconds: run(({ wallSeconds }) => wallSeconds),
    cpuSeconds: run(({ cpuSeconds }) => cpuSeconds),
    systemSeconds: run(({ systemSeconds }) => systemSeconds),
    predictedCpuSeconds: run(({ predictedCpuSeconds }) => predictedCpuSeconds),
    cpuRatio: run(({ cpuSeconds, predictedCpuSeconds }) => predictedCpuSeconds / cpuSeconds),
    peakRssBytes: Math.max(...examples.map(({ encrypted }) => encrypted.peakRssBytes)),
  };
}

function noiseBits(examples: readonly ExampleResult[], outputSizes: readonly number[]): NoiseBits[] {
  return outputSizes.map((size, output) => {
    const start = outputSizes.slice(0, output).reduce((sum, before) => sum + before, 0);
    const end = start + size;
    const bits = (pick: (example: ExampleResult) => readonly number[]) => {
      const squares = examples.flatMap((example) => {
        const noisy = pick(example);
        const unit = spread(example.polynomial);
        return example.polynomial.slice(start, end).map((value, k) => ((noisy[start + k]! - value) / unit) ** 2);
      });
      return -Math.log2(Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length));
    };
    return {
      output,
      simulated: bits(({ simulated }) => simulated),
      measured: bits(({ encrypted }) => encrypted.logits),
    };
  });
}

import type { Program, Step } from '@cipherformer/approx';

/** A program with the map of its interval to [-1, 1] as factor * x + offset: public constants, worked out beforehand. */
export interface PreparedProgram {
  readonly factor: number;
  readonly offset: number;
  readonly steps: readonly PreparedStep[];
}

export type PreparedStep =
  | Exclude<Step, { readonly op: 'polynomial' }>
  | { readonly op: 'polynomial'; readonly value: number; readonly coefficients: Float64Array };

export function prepareProgram({ interval, steps }: Program): PreparedProgram {
  const [low, high] = interval;
  return {
    factor: 2 / (high - low),
    offset: -(low + high) / (high - low),
    steps: steps.map((step) =>
      step.op === 'polynomial' ? { ...step, coefficients: Float64Array.from(step.coefficients) } : step,
    ),
  };
}

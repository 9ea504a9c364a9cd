import type { Step } from '@cipherformer/approx';

/**
 * Steps whose result is `factor` times as large, at no further level, or undefined where the steps have no place for
 * it: a whole factor of an affine step is free only as long as it is whole.
 */
export function scaleSteps(steps: readonly Step[], factor: number): readonly Step[] | undefined {
  if (factor === 1) return steps;
  const read = steps.flatMap(valuesOf);
  const uses = steps.map((_, i) => read.filter((value) => value === i + 1).length);
  return scaleValue(steps, uses, steps.length, factor);
}

/** New steps: one way that fails half-way must leave nothing behind for the next. */
function scaleValue(
  steps: readonly Step[],
  uses: readonly number[],
  value: number,
  factor: number,
): readonly Step[] | undefined {
  const index = value - 1;
  // The program's input, or a value that is read unscaled elsewhere, or scaled twice.
  if (index < 0 || uses[index]! > 1) return undefined;
  const step = steps[index]!;
  switch (step.op) {
    case 'polynomial':
      return steps.with(index, { ...step, coefficients: step.coefficients.map((c) => c * factor) });
    case 'affine': {
      const whole = step.terms.filter((term) => Number.isInteger(term.factor));
      const terms = step.terms.map((term) => (whole.includes(term) ? term : { ...term, factor: term.factor * factor }));
      return whole
        .reduce<readonly Step[] | undefined>(
          (sofar, term) => sofar && scaleValue(sofar, uses, term.value, factor),
          steps,
        )
        ?.with(index, { ...step, terms, offset: step.offset * factor });
    }
    case 'product':
      return scaleValue(steps, uses, step.left, factor) ?? scaleValue(steps, uses, step.right, factor);
    case 'square':
      return factor > 0 ? scaleValue(steps, uses, step.value, Math.sqrt(factor)) : undefined;
  }
}

function valuesOf(step: Step): number[] {
  switch (step.op) {
    case 'affine':
      return step.terms.map(({ value }) => value);
    case 'product':
      return [step.left, step.right];
    default:
      return [step.value];
  }
}

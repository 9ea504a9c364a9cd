import type { Step } from '@cipherformer/approx';

/**
 * Steps whose result is `factor` times as large, at no further level, or undefined where the steps have no place for
 * it: a whole factor of an affine step is free only as long as it is whole.
 */
export function scaleSteps(steps: readonly Step[], factor: number): readonly Step[] | undefined {
  if (factor === 1) return steps;
  const uses = steps.map((_, i) => steps.filter((step) => valuesOf(step).includes(i + 1)).length);
  const result = [...steps];
  return scaleValue(result, uses, steps.length, factor) ? result : undefined;
}

function scaleValue(steps: Step[], uses: readonly number[], value: number, factor: number): boolean {
  const index = value - 1;
  // The program's input, or a value that others read unscaled.
  if (index < 0 || (uses[index]! > 1 && value !== steps.length)) return false;
  const step = steps[index]!;
  switch (step.op) {
    case 'polynomial':
      steps[index] = { ...step, coefficients: step.coefficients.map((c) => c * factor) };
      return true;
    case 'affine':
      for (const term of step.terms)
        if (Number.isInteger(term.factor) && !scaleValue(steps, uses, term.value, factor)) return false;
      steps[index] = {
        ...step,
        terms: step.terms.map((term) =>
          Number.isInteger(term.factor) ? term : { ...term, factor: term.factor * factor },
        ),
        offset: step.offset * factor,
      };
      return true;
    case 'product':
      return step.left !== step.right && (scaleValue(steps, uses, step.left, factor) || scaleValue(steps, uses, step.right, factor)); // biome-ignore format: one condition
    case 'square':
      return factor > 0 && scaleValue(steps, uses, step.value, Math.sqrt(factor));
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

import type { Interval } from '../interval.ts';
import type { Program, Step } from './program.ts';

/** Number of a value in a program under construction. */
export type Value = number;

/** Writes a program step by step; each method returns the number of the new value. */
export class ProgramBuilder {
  /** The input, mapped to [-1, 1]. */
  readonly input: Value = 0;
  readonly #interval: Interval;
  readonly #steps: Step[] = [];

  constructor(interval: Interval) {
    this.#interval = interval;
  }

  #push(step: Step): Value {
    this.#steps.push(step);
    return this.#steps.length;
  }

  affine(terms: ReadonlyArray<readonly [value: Value, factor: number]>, offset = 0): Value {
    return this.#push({ op: 'affine', terms: terms.map(([value, factor]) => ({ value, factor })), offset });
  }

  /** factor * x + offset, with x in the units of the interval. */
  affineOfX(factor: number, offset = 0): Value {
    const [lo, hi] = this.#interval;
    return this.affine([[this.input, (factor * (hi - lo)) / 2]], factor * (lo / 2 + hi / 2) + offset);
  }

  /** sum c_j T_j(value); the value has to stay in [-1, 1]. */
  polynomial(value: Value, coefficients: readonly number[]): Value {
    return this.#push({ op: 'polynomial', value, coefficients });
  }

  product(left: Value, right: Value): Value {
    return this.#push({ op: 'product', left, right });
  }

  square(value: Value): Value {
    return this.#push({ op: 'square', value });
  }

  build(): Program {
    return { interval: this.#interval, steps: [...this.#steps] };
  }
}

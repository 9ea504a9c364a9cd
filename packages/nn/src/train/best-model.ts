import type { Weights } from '@cipherformer/model';
import type { Validator } from '../evaluate/validator.ts';

/** Where a run's validation stands. */
export interface BestSoFar {
  /** The best validation figure, if there was an evaluation. */
  readonly best: number | undefined;
  readonly bestStep: number;
  /** The last evaluation. */
  readonly validation: Readonly<Record<string, number>>;
}

/** Keeps the model of a run that is best on validation data. */
export class BestModel {
  readonly #validator: Validator;
  readonly #save: (weights: Weights) => void;
  #soFar: BestSoFar;

  /** `save` is given the weights whenever they are the best so far. */
  constructor(validator: Validator, save: (weights: Weights) => void, soFar: BestSoFar) {
    this.#validator = validator;
    this.#save = save;
    this.#soFar = soFar;
  }

  get soFar(): BestSoFar {
    return this.#soFar;
  }

  /** Evaluates the weights after a step. */
  async evaluate(step: number, weights: Weights): Promise<void> {
    const validation = await this.#validator.run(weights);
    const figure = validation[this.#validator.figure]!;
    const { best } = this.#soFar;
    if (best !== undefined && !this.#validator.better(figure, best)) this.#soFar = { ...this.#soFar, validation };
    else {
      this.#soFar = { best: figure, bestStep: step, validation };
      this.#save(weights);
    }
  }
}

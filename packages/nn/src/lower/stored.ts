import { WeightError, type Weights } from '@cipherformer/model';
import type { Dense } from './affine.ts';

/** The stored tensors of a model, read in float64 with their sizes and values checked. */
export class Stored {
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  /** @throws WeightError where the tensor is missing, of another size or not finite */
  vector(name: string, size: number): Float64Array {
    const found = this.#weights.get(name);
    if (!found) throw new WeightError(`The tensor "${name}" is missing: are the weights of another configuration?`);
    if (found.data.length !== size) {
      throw new WeightError(
        `"${name}" holds ${found.data.length} values where the configuration needs ${size}: take the matching weights.`,
      );
    }
    const bad = found.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new WeightError(
        `Value ${bad} of "${name}" is ${found.data[bad]}: the training diverged or the file is damaged.`,
      );
    }
    return Float64Array.from(found.data);
  }

  matrix(name: string, rows: number, columns: number): Dense {
    return { rows, columns, values: this.vector(name, rows * columns) };
  }
}

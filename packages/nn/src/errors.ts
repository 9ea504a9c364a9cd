/** Base of every error this package raises for a reason a person can act on: what was wrong, where, how to fix it. */
export class NnError extends Error {
  override readonly name: string = 'NnError';
}

/** Tensors whose shapes or element types do not fit the operation; names the operation and where it was built. */
export class ShapeError extends NnError {
  override readonly name = 'ShapeError';
}

/** A file that is not what it claims to be (truncated, corrupt, out of its limits). */
export class FormatError extends NnError {
  override readonly name = 'FormatError';
}

/** A weight the model needs and the file lacks, has in another shape, or has and the model cannot place. */
export class WeightError extends NnError {
  override readonly name = 'WeightError';
}

/** A configuration that names something this package does not know or that contradicts itself. */
export class ConfigError extends NnError {
  override readonly name = 'ConfigError';
}

/** Data that does not fit the model or the task. */
export class DataError extends NnError {
  override readonly name = 'DataError';
}

/** A loss or gradient that is not a finite number. `tensor` is the first offender in the order of evaluation. */
export class DivergenceError extends NnError {
  override readonly name = 'DivergenceError';
  readonly step: number;
  readonly tensor: string;

  constructor(message: string, step: number, tensor: string) {
    super(message);
    this.step = step;
    this.tensor = tensor;
  }
}

/** A file could not be written (no space left, no permission); names the path and what remains valid on disk. */
export class StorageError extends NnError {
  override readonly name = 'StorageError';
}

/** A part of a model that has no polynomial form: `part` names it, the message says what to replace it with. */
export class UnsupportedPartError extends NnError {
  override readonly name = 'UnsupportedPartError';
  readonly part: string;

  constructor(part: string, message: string) {
    super(`${part}: ${message}`);
    this.part = part;
  }
}

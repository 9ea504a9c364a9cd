import { CipherformerError, type ErrorCode } from '@cipherformer/base';

/** Tensors whose shapes or element types do not fit the operation; names the operation and where it was built. */
export class ShapeError extends CipherformerError {
  override readonly name = 'ShapeError';
  override readonly code = 'bad-shape';
}

/** A file that is not what it claims to be (truncated, corrupt, out of its limits). */
export class FormatError extends CipherformerError {
  override readonly name = 'FormatError';
  override readonly code = 'bad-file';
}

/** A weight the model needs and the file lacks, has in another shape, or has and the model cannot place. */
export class WeightError extends CipherformerError {
  override readonly name = 'WeightError';
  override readonly code = 'bad-weights';
}

/** A configuration that names something this package does not know or that contradicts itself. */
export class ConfigError extends CipherformerError {
  override readonly name: string = 'ConfigError';
  override readonly code: ErrorCode = 'bad-config';
}

/** Data that does not fit the model or the task. */
export class DataError extends CipherformerError {
  override readonly name: string = 'DataError';
  override readonly code: ErrorCode = 'bad-data';
}

/** A file that is not there, or cannot be read. */
export class MissingFileError extends DataError {
  override readonly name = 'MissingFileError';
  override readonly code = 'missing-file';
}

import { CipherformerError } from '@cipherformer/base';

/** A model, or options, that the packing of this compiler cannot take. */
export class LayoutError extends CipherformerError {
  override readonly name = 'LayoutError';
  override readonly code = 'cannot-pack';
}

/** A program for which no placement of bootstraps exists. */
export class PlacementError extends CipherformerError {
  override readonly name = 'PlacementError';
  override readonly code = 'no-placement';
}

/** A cost table that lacks what a plan needs. */
export class CostError extends CipherformerError {
  override readonly name = 'CostError';
  override readonly code = 'not-measured';
}

import { CipherformerError } from '@cipherformer/base';

/** A model, or options, that the packing of this compiler cannot take. */
export class LayoutError extends CipherformerError {
  override readonly name = 'LayoutError';
}

/** A program for which no placement of bootstraps exists. */
export class PlacementError extends CipherformerError {
  override readonly name = 'PlacementError';
}

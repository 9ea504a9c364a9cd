import { isPowerOfTwo, nextPowerOfTwo } from '@cipherformer/base';
import { LayoutError } from '../errors.ts';

/**
 * How matrices [tokens, features] lie in slots: slot = row * rowLength + example * paddedTokens + token. A row holds one
 * feature of every token (of every example of a batch), so that turning a ciphertext by whole rows turns features
 * cyclically without a mask.
 */
export interface Geometry {
  readonly slots: number;
  readonly tokens: number;
  /** The next power of two, or twice that: padding makes attention cheaper where there is room for it. */
  readonly paddedTokens: number;
  /** Examples computed at once; a power of two. */
  readonly batch: number;
  /** batch * paddedTokens slots. */
  readonly rowLength: number;
  /** Rows of a ciphertext. */
  readonly rows: number;
}

/**
 * @param spread 1, or 2 for twice the padded tokens
 * @throws LayoutError where a row would not fit into the slots
 */
export function geometryOf(slots: number, tokens: number, batch = 1, spread = 1): Geometry {
  if (!isPowerOfTwo(slots) || !isPowerOfTwo(batch))
    throw new LayoutError(`${slots} slots and a batch of ${batch}: both have to be powers of two`);
  const paddedTokens = nextPowerOfTwo(tokens) * spread;
  const rowLength = batch * paddedTokens;
  if (rowLength > slots)
    throw new LayoutError(
      `${tokens} tokens x ${batch} examples do not fit into ${slots} slots: shorten the sequence or lower the batch`,
    );
  return { slots, tokens, paddedTokens, batch, rowLength, rows: slots / rowLength };
}

/** first, 2 * first, 4 * first, ...: the log2(copies) steps that add up as many copies, `first` slots apart. */
export function doublingSteps(first: number, copies: number): number[] {
  return Array.from({ length: Math.log2(copies) }, (_, k) => first * 2 ** k);
}

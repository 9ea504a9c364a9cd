import { isPowerOfTwo, nextPowerOfTwo } from '@cipherformer/base';
import { LayoutError } from '../errors.ts';

/**
 * How matrices [tokens, features] lie in slots: slot = row * rowLength + segment * paddedTokens + token of the segment. A row
 * holds one feature of every token (of every example of a batch), so that turning a ciphertext by whole rows turns features
 * cyclically without a mask. A segment is a window of tokens, outside of which attention sees nothing: an example has one,
 * or several, one after another.
 */
export interface Geometry {
  readonly slots: number;
  /** Of a window. */
  readonly tokens: number;
  /** The next power of two, or twice that: padding makes attention cheaper where there is room for it. */
  readonly paddedTokens: number;
  /** Examples computed at once; a power of two. */
  readonly batch: number;
  /** Segments of an example; a power of two. */
  readonly windows: number;
  /** batch * windows. */
  readonly segments: number;
  /** segments * paddedTokens slots. */
  readonly rowLength: number;
  /** Rows of a ciphertext. */
  readonly rows: number;
}

/**
 * @param tokens of a window
 * @param spread 1, or 2 for twice the padded tokens
 * @param windows of an example
 * @throws LayoutError where a row would not fit into the slots
 */
export function geometryOf(slots: number, tokens: number, batch = 1, spread = 1, windows = 1): Geometry {
  if (!isPowerOfTwo(slots) || !isPowerOfTwo(batch))
    throw new LayoutError(`${slots} slots and a batch of ${batch}: both have to be powers of two`);
  const paddedTokens = nextPowerOfTwo(tokens) * spread;
  const segments = batch * nextPowerOfTwo(windows);
  const rowLength = segments * paddedTokens;
  if (rowLength > slots)
    throw new LayoutError(
      `${windows * tokens} tokens x ${batch} examples do not fit into ${slots} slots: shorten the sequence or lower the batch`,
    );
  const rows = slots / rowLength;
  return { slots, tokens, paddedTokens, batch, windows: segments / batch, segments, rowLength, rows };
}

/** Where tokens of an example lie that hold a value: the first of each of its first windows. */
export interface Extent {
  readonly windows: number;
  readonly tokens: number;
}

/** The slot, within a row, of a token of an example. */
export function tokenSlot({ windows, tokens, paddedTokens }: Geometry, example: number, token: number): number {
  return (example * windows + Math.floor(token / tokens)) * paddedTokens + (token % tokens);
}

/** first, 2 * first, 4 * first, ...: the log2(copies) steps that add up as many copies, `first` slots apart. */
export function doublingSteps(first: number, copies: number): number[] {
  return Array.from({ length: Math.log2(copies) }, (_, k) => first * 2 ** k);
}

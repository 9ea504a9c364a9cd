import { nextPowerOfTwo } from '@cipherformer/base';
import { LayoutError } from '../errors.ts';
import type { Geometry } from './geometry.ts';

/**
 * Which feature each row holds, in one or several ciphertexts ("blocks"): row p of block k holds feature
 * blocks[k][p mod period], or none where that is -1. The period is a power of two that divides the rows.
 */
export interface RowLayout {
  readonly period: number;
  readonly blocks: readonly Int32Array[];
}

/** Features in order, repeated to fill the ciphertext, or spread evenly over several ciphertexts. */
export function ordinaryLayout(features: number, { rows }: Geometry): RowLayout {
  const count = Math.ceil(features / rows);
  const perBlock = Math.ceil(features / count);
  const period = nextPowerOfTwo(perBlock);
  const blocks = Array.from({ length: count }, (_, k) =>
    Int32Array.from({ length: period }, (_, p) => {
      const feature = k * perBlock + p;
      return p < perBlock && feature < features ? feature : -1;
    }),
  );
  return { period, blocks };
}

/**
 * The layout of queries, keys, values and attention maps ("helical heads"). Row c * headsPerBlock + h, c in [0, columns):
 * heads alternate, so that turning by headsPerBlock rows moves every head to its next column. Columns are a multiple of
 * the padded tokens and of the padded head width; both divide them, so reading past the last column comes out right.
 */
export interface HeadLayout {
  readonly heads: number;
  readonly headWidth: number;
  /** The next power of two; features beyond headWidth are zero. */
  readonly paddedWidth: number;
  /** Heads of one ciphertext; a power of two, heads beyond the last are zero. */
  readonly headsPerBlock: number;
  readonly columns: number;
  readonly blocks: number;
  /** Slots from a column to the next. */
  readonly stride: number;
}

/** @throws LayoutError where not even one head fits a ciphertext */
export function headLayout(heads: number, headWidth: number, geometry: Geometry): HeadLayout {
  const { rows, paddedTokens, rowLength } = geometry;
  const paddedWidth = nextPowerOfTwo(headWidth);
  const most = rows / Math.max(paddedTokens, paddedWidth);
  if (most < 1)
    throw new LayoutError(
      `attention needs ${Math.max(paddedTokens, paddedWidth)} rows a head, a ciphertext has ${rows}: use more slots, ` +
        'fewer tokens or a smaller batch',
    );
  const headsPerBlock = Math.min(nextPowerOfTwo(heads), most);
  return {
    heads,
    headWidth,
    paddedWidth,
    headsPerBlock,
    columns: rows / headsPerBlock,
    blocks: Math.ceil(heads / headsPerBlock),
    stride: headsPerBlock * rowLength,
  };
}

/** Where the features h * headWidth + f of a matrix lie in the layout of heads. */
export function headRows({ heads, headWidth, paddedWidth, headsPerBlock, blocks }: HeadLayout): RowLayout {
  const period = paddedWidth * headsPerBlock;
  return {
    period,
    blocks: Array.from({ length: blocks }, (_, k) =>
      Int32Array.from({ length: period }, (_, row) => {
        const column = Math.floor(row / headsPerBlock);
        const head = k * headsPerBlock + (row % headsPerBlock);
        return head < heads && column < headWidth ? head * headWidth + column : -1;
      }),
    ),
  };
}

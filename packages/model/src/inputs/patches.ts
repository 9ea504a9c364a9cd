import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';

/** Most values of the windows of one image, overlap counted. */
const maxWindowValues = 2 ** 24;
const size = z.int().check(z.positive(), z.maximum(2 ** 24));

/** How an image becomes tokens: one window of pixels each. */
export const patchSchema = z.strictObject({
  channels: size,
  height: size,
  width: size,
  /** Side of the square window of pixels a token sees. */
  patch: size,
  /** Distance between windows; default: patch (no overlap). */
  stride: z.optional(size),
  /** Zero pixels added around the image. */
  padding: z._default(z.int().check(z.minimum(0), z.maximum(4096)), 0),
  /** Order of the values in a patch vector: channel first (Conv2d weights) or pixel first. */
  order: z._default(z.enum(['channel-first', 'pixel-first']), 'channel-first'),
  classToken: z._default(z.boolean(), false),
  /** Side of square windows of tokens: tokens come window by window, each row by row. Absent: all row by row. */
  window: z.optional(size),
});
export type PatchGeometry = z.infer<typeof patchSchema>;

/** Tokens per image, without the class token: rows and columns of windows. */
export function patchGrid(config: Pick<PatchGeometry, 'height' | 'width' | 'patch' | 'stride' | 'padding'>): {
  readonly rows: number;
  readonly columns: number;
} {
  const stride = config.stride ?? config.patch;
  const count = (size: number) => Math.floor((size + 2 * config.padding - config.patch) / stride) + 1;
  return { rows: count(config.height), columns: count(config.width) };
}

/** @throws ConfigError for windows that do not fit the image, or more than a model can take in */
export function checkPatches(patches: PatchGeometry, where: string): void {
  const { channels, height, width, patch, padding, window, classToken } = patches;
  const { rows, columns } = patchGrid(patches);
  if (window !== undefined && (rows % window !== 0 || columns % window !== 0 || classToken))
    throw new ConfigError(
      `${where}: windows of ${window} x ${window} do not fill ${rows} x ${columns} patches${classToken ? ' after a class token' : ''}: give a side that divides both, or none.`,
    );
  if (rows < 1 || columns < 1)
    throw new ConfigError(
      `${where}: a window of ${patch} x ${patch} pixels does not fit into ${height} x ${width} with ${padding} around: give a smaller patch.`,
    );
  const values = rows * columns * channels * patch ** 2;
  if (channels * height * width > maxWindowValues || values > maxWindowValues)
    throw new ConfigError(
      `${where}: ${channels} x ${height} x ${width} pixels in windows of ${patch} make ${values} values, at most ${maxWindowValues} are taken in.`,
    );
}

/**
 * Which pixel each value of each patch vector is: indices into an image [channels, height, width] with one zero
 * appended at index channels * height * width, for windows that reach into the padding.
 */
export function patchIndices(config: PatchGeometry): number[] {
  const { channels, height, width, patch, padding, order } = config;
  const stride = config.stride ?? patch;
  const { rows, columns } = patchGrid(config);
  const outside = channels * height * width;
  const indices: number[] = [];
  for (const place of windowOrder([rows, columns], config.window)) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const at = (c: number, dy: number, dx: number) => {
      const y = row * stride - padding + dy;
      const x = column * stride - padding + dx;
      return y < 0 || x < 0 || y >= height || x >= width ? outside : (c * height + y) * width + x;
    };
    const push = (c: number, dy: number, dx: number) => indices.push(at(c, dy, dx));
    if (order === 'channel-first') {
      for (let c = 0; c < channels; c++)
        for (let dy = 0; dy < patch; dy++) for (let dx = 0; dx < patch; dx++) push(c, dy, dx);
    } else {
      for (let dy = 0; dy < patch; dy++)
        for (let dx = 0; dx < patch; dx++) for (let c = 0; c < channels; c++) push(c, dy, dx);
    }
  }
  return indices;
}

/**
 * The places row * columns + column of a grid, window by window and each of these row by row; without windows, row by row. The
 * windows of a grid that is turned begin `shift` places further down and to the right, and go round at its end.
 */
export function windowOrder([rows, columns]: readonly [number, number], window?: number, shift = 0): number[] {
  const [high, wide] = window === undefined ? [rows, columns] : [window, window];
  const places: number[] = [];
  for (let top = 0; top < rows; top += high)
    for (let left = 0; left < columns; left += wide)
      for (let y = 0; y < high; y++)
        for (let x = 0; x < wide; x++)
          places.push(((top + y + shift) % rows) * columns + ((left + x + shift) % columns));
  return places;
}

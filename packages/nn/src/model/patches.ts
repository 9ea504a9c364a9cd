import { type PatchConfig, patchGrid } from './config.ts';

/**
 * Which pixel each value of each patch vector is: indices into an image [channels, height, width] with one zero
 * appended at index channels * height * width, for windows that reach into the padding.
 */
export function patchIndices(config: Omit<PatchConfig, 'kind' | 'bias'>): number[] {
  const { channels, height, width, patch, padding, order } = config;
  const stride = config.stride ?? patch;
  const { rows, columns } = patchGrid(config);
  const outside = channels * height * width;
  const indices: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
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
  }
  return indices;
}

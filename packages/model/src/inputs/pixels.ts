import * as z from 'zod/mini';

/** How bytes of an image become a model's input: stored with the model, done by whoever holds the image. */
export const normalisationSchema = z.strictObject({
  /** Per channel: value = (byte / 255 - mean) / deviation. */
  mean: z.array(z.number()).check(z.minLength(1)),
  deviation: z.array(z.number().check(z.positive())).check(z.minLength(1)),
  /**
   * Largest standard deviation of all values of one normalised image. A richer one is scaled towards its own mean to
   * it: without LayerNorm and softmax nothing else bounds what contrast does to the values of a polynomial model.
   */
  contrast: z.optional(z.number().check(z.positive())),
});
export type Normalisation = Readonly<z.infer<typeof normalisationSchema>>;

/** Writes `values` bytes of one image [channels, height, width] from `from` on, normalised, to `target` at `offset`. */
export function normalisePixels(
  pixels: ArrayLike<number>,
  from: number,
  values: number,
  normalisation: Normalisation,
  target: Float32Array | Float64Array,
  offset: number,
): void {
  const { mean, deviation, contrast } = normalisation;
  const plane = values / mean.length;
  mean.forEach((shift, c) => {
    const factor = 1 / (255 * deviation[c]!);
    const constant = shift / deviation[c]!;
    for (let i = c * plane; i < (c + 1) * plane; i++) target[offset + i] = pixels[from + i]! * factor - constant;
  });
  if (contrast !== undefined) limitContrast(target.subarray(offset, offset + values), contrast);
}

/** Scales the values of one image towards their mean, in place, where their standard deviation is above `largest`. */
export function limitContrast(values: Float32Array | Float64Array, largest: number): void {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const deviation = Math.sqrt(Math.max(0, squares / values.length - mean * mean));
  if (deviation <= largest) return;
  const factor = largest / deviation;
  for (let i = 0; i < values.length; i++) values[i] = mean + (values[i]! - mean) * factor;
}

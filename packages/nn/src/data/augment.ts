import { limitContrast, type Normalisation } from '@cipherformer/model';
import { z } from 'zod';
import type { Random } from '../random.ts';
import { type ImageSet, imageSize } from './images.ts';

/** Random changes to training images. Every number is drawn from the generator the caller passes. */
export const augmentSchema = z.strictObject({
  /** Mirror left to right with probability 1/2. */
  flip: z.boolean().default(false),
  /** Largest shift in pixels, horizontally and vertically (what moves in from outside is black). */
  shift: z.number().min(0).default(0),
  /** Largest rotation, degrees. */
  rotate: z.number().min(0).default(0),
  /** Largest relative change of size, 0.1 for 0.9 to 1.1. */
  zoom: z.number().min(0).max(0.9).default(0),
  /** Largest relative change of brightness and of contrast. */
  jitter: z.number().min(0).max(1).default(0),
  /** Side of a square set to the mean colour (Cutout, DeVries and Taylor, 2017); 0 for none. */
  cutout: z.int().min(0).default(0),
  /** Mixes pairs of images and their labels with a Beta(alpha, alpha) share (Zhang et al., 2018); 0 for none. */
  mixup: z.number().min(0).default(0),
});
export type Augmentation = z.infer<typeof augmentSchema>;

export const noAugmentation: Augmentation = augmentSchema.parse({});

/** Writes image `index` of `set`, augmented and normalised, to `target` at `offset`. */
export function augmentImage(
  set: ImageSet,
  index: number,
  normalisation: Normalisation,
  augmentation: Augmentation,
  random: Random,
  target: Float32Array,
  offset: number,
): void {
  const { height, width, channels } = set;
  const symmetric = (limit: number) => (2 * random.uniform() - 1) * limit;
  const mirror = augmentation.flip && random.uniform() < 0.5 ? -1 : 1;
  const free = augmentation.rotate > 0 || augmentation.zoom > 0;
  const quantise = (value: number) => (free ? value : Math.round(value));
  const shiftX = quantise(symmetric(augmentation.shift));
  const shiftY = quantise(symmetric(augmentation.shift));
  const angle = (symmetric(augmentation.rotate) * Math.PI) / 180;
  const zoom = 1 / (1 + symmetric(augmentation.zoom));
  const brightness = symmetric(augmentation.jitter);
  const contrast = 1 + symmetric(augmentation.jitter);
  const cos = Math.cos(angle) * zoom;
  const sin = Math.sin(angle) * zoom;
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  const plane = height * width;
  const from = index * imageSize(set);
  for (let c = 0; c < channels; c++) {
    const base = from + c * plane;
    const pixel = (y: number, x: number) =>
      y < 0 || x < 0 || y >= height || x >= width ? 0 : set.pixels[base + y * width + x]!;
    const mean = normalisation.mean[c]!;
    const factor = contrast / (255 * normalisation.deviation[c]!);
    const constant = brightness - (mean * contrast) / normalisation.deviation[c]!;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const dx = mirror * (x - centreX);
        const dy = y - centreY;
        const sourceX = cos * dx - sin * dy + centreX + shiftX;
        const sourceY = sin * dx + cos * dy + centreY + shiftY;
        const value = free ? bilinear(pixel, sourceY, sourceX) : pixel(Math.round(sourceY), Math.round(sourceX));
        target[offset + c * plane + y * width + x] = value * factor + constant;
      }
    }
  }
  if (augmentation.cutout > 0) {
    const top = random.integer(height) - (augmentation.cutout >> 1);
    const left = random.integer(width) - (augmentation.cutout >> 1);
    for (let c = 0; c < channels; c++) {
      for (let y = Math.max(0, top); y < Math.min(height, top + augmentation.cutout); y++) {
        const row = offset + c * plane + y * width;
        target.fill(0, row + Math.max(0, left), row + Math.max(0, Math.min(width, left + augmentation.cutout)));
      }
    }
  }
  if (normalisation.contrast !== undefined) {
    limitContrast(target.subarray(offset, offset + imageSize(set)), normalisation.contrast);
  }
}

function bilinear(pixel: (y: number, x: number) => number, y: number, x: number): number {
  const y0 = Math.floor(y);
  const x0 = Math.floor(x);
  const fy = y - y0;
  const fx = x - x0;
  return (
    (1 - fy) * ((1 - fx) * pixel(y0, x0) + fx * pixel(y0, x0 + 1)) +
    fy * ((1 - fx) * pixel(y0 + 1, x0) + fx * pixel(y0 + 1, x0 + 1))
  );
}

/** A draw from Beta(alpha, alpha), as a ratio of Gamma draws (Marsaglia and Tsang, 2000, boosted for alpha < 1). */
export function symmetricBeta(random: Random, alpha: number): number {
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * random.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = random.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  const a = gamma(alpha);
  return a / (a + gamma(alpha));
}

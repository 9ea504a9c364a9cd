import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';

const side = z.int().check(z.positive(), z.maximum(2 ** 14));

/** How a picture of any size becomes one of the model's: stored with the model, done by whoever holds the picture. */
export const pictureStepsSchema = z.strictObject({
  resize: z.optional(
    z.strictObject({
      to: z.union([
        z.strictObject({ height: side, width: side }),
        /** The aspect ratio is kept; `longest` bounds the other side. */
        z.strictObject({ shortest: side, longest: z.optional(side) }),
        z.strictObject({ maxHeight: side, maxWidth: side }),
      ]),
      filter: z.enum(['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos']),
    }),
  ),
  /** The middle; what is smaller gets zeros around it. */
  crop: z.optional(z.strictObject({ height: side, width: side })),
  /** What is seen through transparent pixels; by default their own colours are. */
  background: z.optional(z.literal('white')),
});
export type PictureSteps = Readonly<z.infer<typeof pictureStepsSchema>>;

/**
 * The size that steps give every picture, where it does not depend on the picture's own.
 * @throws ConfigError for steps that cannot give it
 */
export function checkSteps(
  { resize, crop }: PictureSteps,
  size: { height: number; width: number },
  where: string,
): void {
  const made = crop ?? (resize && 'height' in resize.to ? resize.to : undefined);
  if (made && (made.height !== size.height || made.width !== size.width))
    throw new ConfigError(
      `${where} makes pictures of ${made.width} x ${made.height}, the model takes ${size.width} x ${size.height}.`,
    );
}

import type { Picture } from '../images/picture.ts';

/** What a person has: an image, or a text. */
export type ModelInput =
  /** A decoded picture, scaled and cut as the model's preparation says. */
  | { readonly picture: Picture }
  /** Bytes 0 to 255, [channels, height, width]. */
  | { readonly pixels: ArrayLike<number> }
  /** An image already normalised, [channels, height, width]. */
  | { readonly image: ArrayLike<number> }
  | { readonly text: string }
  /** Token numbers, without padding. */
  | { readonly ids: readonly number[] };

import type { Picture } from '../images/picture.ts';

/** What a person has: an image, or a text. */
export type ModelInput =
  /** A decoded picture, scaled and cut as the model's preparation says. */
  | { readonly picture: Picture }
  /** Bytes 0 to 255, [channels, height, width]. */
  | { readonly pixels: ArrayLike<number> }
  /** An image already normalised, [channels, height, width]. */
  | { readonly image: ArrayLike<number> }
  /** A text, or with `pair` two, of a model that was trained on pairs. */
  | { readonly text: string; readonly pair?: string }
  /** Token numbers, without padding; `types`: which text each is of, from 0. Default: all of the first. */
  | { readonly ids: readonly number[]; readonly types?: readonly number[] };

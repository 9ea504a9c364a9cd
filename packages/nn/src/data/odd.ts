import { limitContrast, type Normalisation } from '@cipherformer/model';
import type { Random } from '../random.ts';
import type { ImageShape } from './images.ts';

/**
 * Inputs unlike any that a model was trained on, each made of an example: what people send besides what was expected. The
 * original answers them with numbers of the usual size; polynomials need not, unless they are trained on such inputs
 * (docs/decisions/0011-rare-inputs.md).
 */

export const oddTextForms = ['random', 'repeated', 'cycle', 'shuffled', 'empty', 'longest'] as const;
export type OddTextForm = (typeof oddTextForms)[number];

/**
 * What running text may become: a window has one length, and no marks. again: its beginning over and over, as a prompt is
 * filled up (`prepareText` of package model).
 */
export const oddWindowForms = ['random', 'repeated', 'cycle', 'shuffled', 'again'] as const;

export interface OddTextOptions {
  /** Longest text, in tokens. */
  readonly tokens: number;
  /** Number of different tokens. */
  readonly vocabulary: number;
  /** Tokens at either end that are marks, [CLS] and [SEP], and stay where they are. */
  readonly marks: Marks;
}

export interface Marks {
  readonly before: number;
  readonly after: number;
}

/** What all texts begin and end with is a mark: one token or none at either end. */
export function marksOf(texts: readonly Int32Array[]): Marks {
  const [first] = texts;
  const all = (at: number) => (texts.every((ids) => ids.length > 1 && ids.at(at) === first?.at(at)) ? 1 : 0);
  return { before: all(0), after: all(-1) };
}

/**
 * A text made odd: all tokens random; one word, or two or three in turn, over and over; words in another order; no word at
 * all; as long as it can be.
 */
export function oddText(ids: Int32Array, form: OddTextForm, options: OddTextOptions, random: Random): Int32Array {
  const { tokens, vocabulary, marks } = options;
  const end = ids.length - marks.after;
  const [first, words, last] = [ids.slice(0, marks.before), ids.slice(marks.before, end), ids.slice(end)];
  const room = tokens - first.length - last.length;
  const anyOf = () => (words.length > 0 ? words[random.integer(words.length)]! : random.integer(vocabulary));
  const turns = (some: readonly number[], length: number) => Int32Array.from({ length }, (_, i) => some[i % some.length]!);
  const made = (): Int32Array => {
    switch (form) {
      case 'random':
        return words.map(() => random.integer(vocabulary));
      case 'repeated':
        return turns([random.uniform() < 0.5 ? anyOf() : random.integer(vocabulary)], 1 + random.integer(room));
      case 'cycle':
        return turns([anyOf(), anyOf(), random.integer(vocabulary)].slice(random.integer(2)), 1 + random.integer(room));
      case 'shuffled':
        return Int32Array.from(random.permutation(words.length), (at) => words[at]!);
      case 'empty':
        // Without marks nothing would be left to run on.
        return words.slice(0, first.length + last.length > 0 ? 0 : 1);
      case 'longest':
        return words.length > 0 ? turns([...words], room) : words;
    }
  };
  return Int32Array.from([...first, ...made(), ...last]);
} // biome-ignore format: one case a line

/** A window of running text made odd; its length stays. */
export function oddWindow(ids: Int32Array, form: (typeof oddWindowForms)[number], vocabulary: number, random: Random): Int32Array {
  if (form === 'again') {
    // Short ones as often as long ones: where polynomials meet few tokens, each counts for much.
    const prompt = Math.max(1, Math.round(ids.length ** random.uniform()));
    return ids.map((_, i) => ids[i % prompt]!);
  }
  const odd = oddText(ids, form, { tokens: ids.length, vocabulary, marks: { before: 0, after: 0 } }, random);
  return odd.length === ids.length ? odd : Int32Array.from(ids, (_, i) => odd[i % odd.length]!);
} // biome-ignore format: one line

export const oddImageForms = ['inverted', 'posterised', 'tiled', 'stretched', 'random', 'flat'] as const;
export type OddImageForm = (typeof oddImageForms)[number];

/**
 * Makes a normalised image [channels, height, width] odd, in place: a negative; two to four shades; one piece of it over and
 * over; contrast to the ends of the scale; random pixels; one colour. Pixels stay what 8 bits can hold, and the limit of
 * contrast holds as for any image.
 */
export function makeImageOdd(
  image: Float32Array,
  form: OddImageForm,
  { channels, height, width }: ImageShape,
  normalisation: Normalisation,
  random: Random,
): void {
  const plane = height * width;
  /** 0 to 1. */
  const value = (at: number, c: number) =>
    Math.min(1, Math.max(0, image[at]! * normalisation.deviation[c]! + normalisation.mean[c]!));
  const shades = 2 + random.integer(3);
  const side = 1 + random.integer(Math.max(1, Math.floor(Math.min(height, width) / 2)));
  const [top, left] = [random.integer(height - side + 1), random.integer(width - side + 1)];
  const colour = Array.from({ length: channels }, () => random.uniform());
  const source = image.slice();
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) {
      const at = c * plane + i;
      const old = value(at, c);
      const tile = c * plane + (top + (Math.floor(i / width) % side)) * width + left + ((i % width) % side);
      const odd = {
        inverted: () => 1 - old,
        posterised: () => Math.round(old * (shades - 1)) / (shades - 1),
        tiled: () => source[tile]! * normalisation.deviation[c]! + normalisation.mean[c]!,
        stretched: () => Math.min(1, Math.max(0, 0.5 + 4 * (old - normalisation.mean[c]!))),
        random: () => random.uniform(),
        flat: () => colour[c]!,
      }[form]();
      image[at] = (odd - normalisation.mean[c]!) / normalisation.deviation[c]!;
    }
  }
  if (normalisation.contrast !== undefined) limitContrast(image, normalisation.contrast);
}

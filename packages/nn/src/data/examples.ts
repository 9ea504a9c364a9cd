import { ConfigError, DataError, encodeTexts, type Normalisation, type Tokenizer } from '@cipherformer/model';
import { makeTokenizer, type TokenizerConfig } from '../text/tokenizers.ts';
import { type DataSet, type ImageDataSet, imageDataSet, type TextDataSet, textDataSet } from './dataset.ts';
import { type ImageSet, type ImageShape, imageSize } from './images.ts';
import { type EncodedTexts, type SplitName, splitNames } from './splits.ts';
import { checkLabel, checkText } from './texts.ts';

/** An image: bytes [channels, height, width]. */
export interface ImageExample {
  readonly pixels: ArrayLike<number>;
  readonly label: number;
}

export interface TextExample {
  readonly text: string;
  readonly label: number;
}

/** A text cut into tokens already, with its marks ([CLS], [SEP]) where the tokenizer has them. */
export interface TokenExample {
  readonly ids: ArrayLike<number>;
  readonly label: number;
}

/** Examples that the caller has in memory, by part; a part that is never asked for may be missing. */
type Parts<E> = Readonly<Partial<Record<SplitName, readonly E[]>>> & {
  /** Names of the classes; labels are their numbers, from 0. */
  readonly classes: readonly string[];
};

export type ImageExamples = Parts<ImageExample> & {
  readonly image: ImageShape;
  readonly normalise: Normalisation;
};

export type TextExamples = Parts<TextExample | TokenExample> & {
  /** Tokens that an example is padded to, and texts are cut to. */
  readonly tokens: number;
  /** A way to a tokenizer, where none is given that is made already. */
  readonly tokenizer?: TokenizerConfig;
};

export type Examples = ImageExamples | TextExamples;

/**
 * A data set of examples in memory, all checked. `root` is where a tokenizer's files are.
 * @throws DataError naming the part, the example and the value that is wrong
 * @throws ConfigError for what does not fit together: normalisation and channels, texts without a tokenizer
 */
export const gatherExamples = (examples: Examples, root: string, tokenizer?: Tokenizer): DataSet =>
  'image' in examples ? gatherImages(examples) : gatherTexts(examples, root, tokenizer);

/** What is made of each part that is there, by name; asking for another throws. */
function partsOf<E, P>(
  examples: Parts<E>,
  make: (examples: readonly E[], name: SplitName) => P,
): (name: SplitName) => P {
  const made = new Map<SplitName, P>();
  for (const name of splitNames) {
    const part = examples[name];
    if (part && part.length > 0) made.set(name, make(part, name));
  }
  return (name) => {
    const part = made.get(name);
    if (part === undefined) throw new DataError(`The data has no ${name} examples: give some as "${name}".`);
    return part;
  };
}

const labelsOf = (examples: readonly { readonly label: number }[], part: string, classes: number): number[] =>
  examples.map(({ label }, i) => checkLabel(label, `${part}, example ${i}`, 'label', classes));

function gatherImages(examples: ImageExamples): ImageDataSet {
  const { classes, image, normalise } = examples;
  if (classes.length > 256)
    throw new ConfigError(`Images have labels of one byte, at most 256 classes: ${classes.length} are too many.`);
  const size = imageSize(image);
  const parts = partsOf(examples, (given: readonly ImageExample[], part): ImageSet => {
    const pixels = new Uint8Array(given.length * size);
    given.forEach((example, i) => {
      if (example.pixels.length !== size)
        throw new DataError(
          `${part}, example ${i} has ${example.pixels.length} values, an image ${size} [${image.channels}, ${image.height}, ${image.width}].`,
        );
      pixels.set(example.pixels, i * size);
      const wrong = Array.from(example.pixels).findIndex((value, at) => pixels[i * size + at] !== value);
      if (wrong >= 0)
        throw new DataError(
          `${part}, example ${i} has the value ${example.pixels[wrong]}: pixels are whole numbers from 0 to 255.`,
        );
    });
    return { ...image, count: given.length, pixels, labels: Uint8Array.from(labelsOf(given, part, classes.length)) };
  });
  return imageDataSet(parts, { outputs: classes.length, classes, image, normalise });
}

function gatherTexts(examples: TextExamples, root: string, given?: Tokenizer): TextDataSet {
  const { classes, tokens } = examples;
  const texts = (examples.train ?? []).flatMap((example) => ('text' in example ? [example.text] : []));
  const tokenizer = given ?? (examples.tokenizer && makeTokenizer(examples.tokenizer, texts, root));
  if (!tokenizer) throw new ConfigError('Texts need a tokenizer: give one, or "tokenizer" with a way to one.');
  const encode = (example: TextExample | TokenExample, place: string): Int32Array => {
    if ('text' in example) return encodeTexts([checkText(example.text, place, 'text')], tokenizer, tokens)[0]!;
    const ids = Array.from(example.ids);
    const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < tokenizer.size));
    if (wrong !== undefined)
      throw new DataError(`${place} has the token ${wrong}: tokens are whole numbers from 0 to ${tokenizer.size - 1}.`);
    if (ids.length === 0 || ids.length > tokens)
      throw new DataError(`${place} has ${ids.length} tokens: give 1 to ${tokens}.`);
    return Int32Array.from(ids);
  };
  const parts = partsOf(
    examples,
    (given: readonly (TextExample | TokenExample)[], part): EncodedTexts => ({
      ids: given.map((example, i) => encode(example, `${part}, example ${i}`)),
      labels: labelsOf(given, part, classes.length),
    }),
  );
  return textDataSet(parts, { classes, tokens, tokenizer });
}

import {
  DataError,
  encodeTexts,
  huggingFaceTokenizer,
  type InputPreparation,
  type ModelInput,
  type Normalisation,
  normalisePixels,
  type Tokenizer,
} from '@cipherformer/model';

/** How a model takes its inputs, as far as it decides what it sees of them. */
export type InputForm =
  | {
      readonly kind: 'text';
      /** Absent where inputs come as token numbers. */
      readonly tokenizer?: Tokenizer | undefined;
      /** Most that it takes. */
      readonly tokens: number;
      readonly task: InputPreparation['task'];
      /** Which part of too long an input it reads. */
      readonly keeps: 'beginning' | 'end';
    }
  | {
      readonly kind: 'image';
      /** [channels, height, width] */
      readonly shape: readonly [number, number, number];
      /** Absent where the model takes bytes / 255. */
      readonly normalise?: Normalisation | undefined;
    };

/** What a model sees of an input. */
export type Seen =
  | {
      readonly ids: readonly number[] /** How many tokens the whole text has, where it was cut. */;
      readonly cutFrom?: number;
    }
  | { readonly image: Float32Array; readonly shape: readonly number[] };

/**
 * What a model sees of an input, in clear.
 * @throws DataError for what is no input of it, an empty text among them
 */
export function seeInput(input: ModelInput, form: InputForm): Seen {
  return form.kind === 'image' ? seeImage(input, form) : seeText(input, form);
}

function seeImage(input: ModelInput, { shape, normalise }: InputForm & { kind: 'image' }): Seen {
  if (!('pixels' in input || 'image' in input)) throw new DataError('The model takes an image, not a text.');
  if ('image' in input) return { image: Float32Array.from(input.image), shape };
  const { pixels } = input;
  const [channels] = shape;
  const plain = { mean: Array<number>(channels).fill(0), deviation: Array<number>(channels).fill(1) };
  const image = new Float32Array(pixels.length);
  normalisePixels(pixels, 0, pixels.length, normalise ?? plain, image, 0);
  return { image, shape };
}

function seeText(input: ModelInput, { tokenizer, tokens, task, keeps }: InputForm & { kind: 'text' }): Seen {
  if ('pair' in input && input.pair !== undefined)
    throw new DataError('The tokenizer of this model takes no pair of texts: give one text.');
  if ('ids' in input) return cut(input.ids, tokens, keeps);
  if (!('text' in input)) throw new DataError('The model takes a text, not an image.');
  if (!tokenizer) throw new DataError('The model has no tokenizer: give token numbers.');
  const whole = tokenizer.encode(input.text);
  if (whole.length === 0) throw new DataError('The text is empty: give at least one character the tokenizer knows.');
  if (task === 'language-model') return cut(whole, tokens, keeps);
  const ids = [...encodeTexts([input.text], tokenizer, tokens)[0]!];
  const all = encodeTexts([input.text], tokenizer, Number.POSITIVE_INFINITY)[0]!.length;
  return all > ids.length ? { ids, cutFrom: all } : { ids };
}

function cut(ids: readonly number[], tokens: number, keeps: 'beginning' | 'end'): Seen {
  if (ids.length === 0) throw new DataError('There is no token: give at least one.');
  if (ids.length <= tokens) return { ids };
  return { ids: keeps === 'end' ? ids.slice(-tokens) : ids.slice(0, tokens), cutFrom: ids.length };
}

/** The form of a polynomial model's inputs: what prepareInput does with them. */
export const formOf = ({ task, preprocess, graph }: InputPreparation): InputForm => {
  if (preprocess.kind === 'image') {
    const { channels, height, width } = preprocess.patches;
    return { kind: 'image', shape: [channels, height, width], normalise: preprocess.normalise };
  }
  const tokenizer = preprocess.tokenizer && huggingFaceTokenizer(preprocess.tokenizer);
  return {
    kind: 'text',
    tokenizer,
    tokens: graph.tokens,
    task,
    keeps: task === 'language-model' ? 'end' : 'beginning',
  };
};

import {
  DataError,
  huggingFaceTokenizer,
  type InputPreparation,
  type ModelInput,
  type Normalisation,
  normalisePixels,
  type PictureSteps,
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
      /** What the model does, for messages. */
      readonly task: string;
      /** Which part of too long an input it reads. */
      readonly keeps: 'beginning' | 'end';
      /** Whether it takes a second text beside the first. */
      readonly pairs?: boolean;
    }
  | {
      readonly kind: 'image';
      /** [channels, height, width] */
      readonly shape: readonly [number, number, number];
      /** Absent where the model takes bytes / 255. */
      readonly normalise?: Normalisation | undefined;
      /** How a picture of any size becomes the model's. */
      readonly picture?: PictureSteps | undefined;
    };

/** What a model sees of an input. */
export type Seen =
  | {
      readonly ids: readonly number[];
      /** The text that each token belongs to, of a pair. */
      readonly types?: readonly number[];
      /** How many tokens the whole text has, where it was cut. */
      readonly cutFrom?: number;
    }
  | { readonly image: Float32Array; readonly shape: readonly number[] };

/**
 * What a model sees of an input, in clear.
 * @throws DataError for what is no input of it, an empty text among them
 */
export function seeInput(input: ModelInput | TextPair, form: InputForm): Seen {
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

function seeText(
  input: ModelInput | TextPair,
  { tokenizer, tokens, keeps, pairs = false }: InputForm & { kind: 'text' },
): Seen {
  const pair = 'pair' in input ? input.pair : undefined;
  if (pair !== undefined && !pairs) throw new DataError('This model takes no pair of texts: give one text.');
  if ('ids' in input) return cut(input.ids, tokens, keeps);
  if (!('text' in input)) throw new DataError('The model takes a text, not an image.');
  if (!tokenizer) throw new DataError('The model has no tokenizer: give token numbers.');
  const whole = tokenizer.encode(input.text);
  if (whole.length === 0 || pair === '')
    throw new DataError('The text is empty: give at least one character the tokenizer knows.');
  const all = tokenizer.encodeInput(input.text, pair === undefined ? {} : { pair });
  if (keeps === 'end') return cut(all.ids, tokens, keeps);
  const { ids, types } = tokenizer.encodeInput(input.text, {
    maxTokens: tokens,
    ...(pair === undefined ? {} : { pair }),
  });
  return { ids, types, ...(all.ids.length > ids.length ? { cutFrom: all.ids.length } : {}) };
}

/** Two texts that a model reads together. */
interface TextPair {
  readonly text: string;
  readonly pair?: string;
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
    const { normalise, picture } = preprocess;
    return { kind: 'image', shape: [channels, height, width], normalise, picture };
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

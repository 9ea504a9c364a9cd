import {
  DataError,
  type Encoded,
  huggingFaceTokenizer,
  type ImagePreprocess,
  type InputPreparation,
  imageValues,
  type ModelInput,
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
      /** Which part of too long an input it reads. */
      readonly keeps: 'beginning' | 'end';
    }
  | { readonly kind: 'image'; readonly preprocess: ImagePreprocess };

/** What a model sees of an input. */
export type Seen =
  | {
      readonly ids: readonly number[];
      /** Which text each token is of, where there may be two. */
      readonly types?: readonly number[];
      /** How many tokens the whole text has, where it was cut. */
      readonly cutFrom?: number;
    }
  | { readonly image: Float32Array; readonly shape: readonly number[] };

/** An input, or a pair of texts. */
export type AskedInput = ModelInput | { readonly text: string; readonly pair?: string };

/**
 * What a model sees of an input, in clear.
 * @throws DataError for what is no input of it, an empty text among them
 */
export function seeInput(input: AskedInput, form: InputForm): Seen {
  if (form.kind === 'text') return seeText(input, form);
  const { channels, height, width } = form.preprocess.patches;
  return { image: Float32Array.from(imageValues(form.preprocess, input)), shape: [channels, height, width] };
}

function seeText(input: AskedInput, { tokenizer, tokens, keeps }: InputForm & { kind: 'text' }): Seen {
  if ('ids' in input) return cut({ ids: [...input.ids] }, tokens, keeps);
  if (!('text' in input && typeof input.text === 'string'))
    throw new DataError('The model takes a text: give { text } or { ids }.');
  if (!tokenizer) throw new DataError('The model has no tokenizer: give token numbers.');
  const pair = 'pair' in input && input.pair !== undefined ? { pair: input.pair } : {};
  if (tokenizer.encode(input.text).length === 0)
    throw new DataError('The text is empty: give at least one character the tokenizer knows.');
  const whole = tokenizer.encodeInput(input.text, pair);
  if (whole.ids.length <= tokens) return whole;
  if (keeps === 'end') return cut(whole, tokens, keeps);
  return { ...tokenizer.encodeInput(input.text, { ...pair, maxTokens: tokens }), cutFrom: whole.ids.length };
}

function cut(
  { ids, types }: Partial<Encoded> & Pick<Encoded, 'ids'>,
  tokens: number,
  keeps: 'beginning' | 'end',
): Seen {
  if (ids.length === 0) throw new DataError('There is no token: give at least one.');
  const part = <T>(list: readonly T[]) => (keeps === 'end' ? list.slice(-tokens) : list.slice(0, tokens));
  return {
    ids: part(ids),
    ...(types ? { types: part(types) } : {}),
    ...(ids.length > tokens ? { cutFrom: ids.length } : {}),
  };
}

/** The tokens of a text as they would be written, or their numbers. */
export function tokensSeen(seen: Seen, form: InputForm): string[] {
  const tokenizer = form.kind === 'text' ? form.tokenizer : undefined;
  return 'ids' in seen ? seen.ids.map((id) => tokenizer?.decode([id]) || `${id}`) : [];
}

/** The form of a polynomial model's inputs: what prepareInput does with them. */
export const formOf = ({ task, preprocess, graph }: InputPreparation): InputForm => {
  if (preprocess.kind === 'image') return { kind: 'image', preprocess };
  const tokenizer = preprocess.tokenizer && huggingFaceTokenizer(preprocess.tokenizer);
  return { kind: 'text', tokenizer, tokens: graph.tokens, keeps: task === 'language-model' ? 'end' : 'beginning' };
};

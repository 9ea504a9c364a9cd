import { ConfigError, DataError } from '../errors.ts';
import { problems, shown } from '../untrusted/index.ts';
import { AddedTokens } from './added-tokens.ts';
import { completeTokenizer, paddingOf, parseTokenizerConfig } from './complete.ts';
import { type LibraryTokenizer, libraryTokenizer } from './library.ts';
import { makeNormaliser } from './normalisers.ts';
import { assemble, type Encoded, makePostProcessor } from './post-processor.ts';
import { makePreTokeniser } from './pre-tokenisers.ts';
import { type ModelField, tokenizerSchema } from './tokenizer-schema.ts';
import { Unigram } from './unigram.ts';

/** A tokenizer.json and tokenizer_config.json, in the Hugging Face form. */
export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface EncodeOptions {
  /** A second text, beside the first. */
  readonly pair?: string;
  /** Most tokens of the whole, marks included: longer texts are cut, of two the longer first. Default: any number. */
  readonly maxTokens?: number;
}

/** Text to token numbers and back. */
export interface Tokenizer {
  /** Number of entries. */
  readonly size: number;
  /** The longest input that the tokenizer was made for; undefined where it does not say. */
  readonly maxTokens?: number | undefined;
  /** The number of the token that fills sequences up; undefined where the tokenizer has none. */
  readonly padding?: number | undefined;
  /** The text alone, without marks around it. */
  encode(text: string): number[];
  /** An input as a model takes it: one text or two, with the tokenizer's marks. */
  encodeInput(text: string, options?: EncodeOptions): Encoded;
  decode(ids: readonly number[]): string;
  /** The number of a special token such as "[CLS]". */
  id(token: string): number | undefined;
  /** The files that describe it; absent for tokenizers that are not in the Hugging Face form. */
  readonly files?: TokenizerFiles;
}

/** Longest text that is encoded, in UTF-16 code units: cutting one takes time and memory far beyond its length. */
const maxTextLength = 2 ** 24;
/** A model_max_length above this says that there is none. */
const noLimit = 1e9;

/**
 * A tokenizer from Hugging Face files (WordPiece, byte-level and SentencePiece BPE, Unigram, word level). Token numbers
 * are those of the Rust library; what of the files is not understood is refused by its name.
 * @param where the files, for messages
 * @throws ConfigError for files that make no tokenizer; its `encode` and `decode` too, for what only shows there
 */
export function huggingFaceTokenizer(files: TokenizerFiles, where = 'the tokenizer'): Tokenizer {
  const completed = isObject(files.tokenizer)
    ? completeTokenizer(files.tokenizer, files.config, where)
    : files.tokenizer;
  const parsed = tokenizerSchema.safeParse(completed);
  if (!parsed.success) throw new ConfigError(`${where} cannot be used:\n${problems(parsed.error, completed)}`);
  const { model, added_tokens: added, normalizer, pre_tokenizer, post_processor, truncation } = parsed.data;
  const config = parseTokenizerConfig(files.config, where);
  const entries = vocabularyOf(model);
  let size = 0;
  for (const id of entries.values()) size = Math.max(size, id + 1);
  for (const { id } of added ?? []) size = Math.max(size, id + 1);
  if (size === 0) throw new ConfigError(`${where} cannot be used: its vocabulary is empty.`);

  const guarded = <T>(what: string, act: () => T): T => {
    try {
      return act();
    } catch (error) {
      if (error instanceof ConfigError || error instanceof DataError) throw error;
      throw new ConfigError(
        `${where} cannot ${what}: ${shown((error as Error).message)}. Take the files of one tokenizer.`,
      );
    }
  };
  const numbers = new Map((added ?? []).map(({ content, id }) => [content, id]));
  const normalise = makeNormaliser(normalizer, `${where}: normalizer`);
  const preTokenise = makePreTokeniser(pre_tokenizer, `${where}: pre_tokenizer`);
  const marks = makePostProcessor(post_processor, `${where}: post_processor`);
  const raw = new AddedTokens((added ?? []).flatMap((token) => (isNormalised(token) ? [] : [[token.content, token]])));
  const normalised = new AddedTokens(
    (added ?? []).flatMap((token) => (isNormalised(token) ? [[normalise(token.content), token]] : [])),
  );
  const encodeWord = guarded('be used', () => wordEncoder(model, entries, numbers, where));
  const side = config.truncation_side ?? (truncation?.direction === 'Left' ? 'left' : 'right');
  const limit = config.model_max_length ?? noLimit;

  const encode = (text: string): number[] => {
    if (text.length > maxTextLength)
      throw new DataError(`A text has ${text.length} characters, ${maxTextLength} at most are encoded: cut it.`);
    const ids = guarded('encode a text', () =>
      raw
        .split(text)
        .flatMap((part, i) =>
          typeof part === 'number'
            ? [part]
            : normalised
                .split(normalise(part))
                .flatMap((piece, j) =>
                  typeof piece === 'number' ? [piece] : preTokenise(piece, i === 0 && j === 0).flatMap(encodeWord),
                ),
        ),
    );
    const wrong = ids.findIndex((id) => id === undefined || id >= size);
    if (wrong >= 0)
      throw new ConfigError(
        `${where} gives token ${wrong} of a text the number ${shown(ids[wrong])}, not one from 0 to ${size - 1}: ` +
          'its vocabulary lacks an entry, and the unknown token.',
      );
    return ids as number[];
  };
  const id = (token: string) => numbers.get(token) ?? entries.get(token);
  let decoder: LibraryTokenizer | undefined;
  return {
    size,
    maxTokens: limit < noLimit ? Math.floor(limit) : undefined,
    padding: id(paddingOf(config) ?? '[PAD]'),
    encode,
    encodeInput: (text, { pair, maxTokens = Number.POSITIVE_INFINITY } = {}) =>
      assemble(marks, encode(text), pair === undefined ? undefined : encode(pair), { most: maxTokens, side }),
    decode: (ids) =>
      ids.length === 0
        ? ''
        : guarded('decode tokens', () => {
            decoder ??= libraryTokenizer({ model, decoder: parsed.data.decoder ?? null, added_tokens: added ?? [] });
            return decoder.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
          }),
    id,
    files,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNormalised = ({ normalized, special }: { normalized?: boolean | undefined; special: boolean }) =>
  normalized ?? !special;
const vocabularyOf = ({ vocab }: ModelField): ReadonlyMap<string, number> =>
  Array.isArray(vocab)
    ? new Map(vocab.map(([entry], id): [string, number] => [entry, id]))
    : new Map(Object.entries(vocab));

/** What cuts one piece of a text into tokens. */
function wordEncoder(
  model: ModelField,
  entries: ReadonlyMap<string, number>,
  added: ReadonlyMap<string, number>,
  where: string,
): (word: string) => readonly (number | undefined)[] {
  if (model.type === 'Unigram') {
    const { vocab, unk_id: unknown, byte_fallback: byteFallback } = model;
    const unigram = new Unigram(vocab, { unknown: unknown ?? undefined, byteFallback }, where);
    return (word) => unigram.encode(word);
  }
  const idOf = (token: string) => entries.get(token) ?? added.get(token);
  if (model.type === 'WordLevel') return (word) => [entries.get(word) ?? idOf(model.unk_token)];
  // Added tokens are none of the model's entries: it would find them inside of words.
  const library = libraryTokenizer({ model }).model;
  return (word) => library([word]).map(idOf);
}

/** Texts as inputs of a model, cut to `tokens`. Tokenizers without marks of their own get [CLS] and [SEP] if they have them. */
export function encodeTexts(texts: readonly string[], tokenizer: Tokenizer, tokens: number): Int32Array[] {
  return texts.map((text) => Int32Array.from(tokenizer.encodeInput(text, { maxTokens: tokens }).ids));
}

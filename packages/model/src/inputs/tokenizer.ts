import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { problems, shown } from '../untrusted/index.ts';

/** A tokenizer.json and tokenizer_config.json, in the Hugging Face form. */
export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Text to token numbers and back. */
export interface Tokenizer {
  /** Number of entries. */
  readonly size: number;
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
  /** The number of a special token such as "[CLS]". */
  id(token: string): number | undefined;
  /** The files that describe it; absent for tokenizers that are not in the Hugging Face form. */
  readonly files?: TokenizerFiles;
}

const tokenId = z
  .int()
  .min(0)
  .max(2 ** 24 - 1);
const schema = z.looseObject({
  model: z.looseObject({
    /** Numbers by entry; Unigram: entries with their scores, in order. */
    vocab: z.union([z.record(z.string(), tokenId), z.array(z.tuple([z.string(), z.number()])).max(2 ** 24)]),
  }),
  added_tokens: z.array(z.looseObject({ id: tokenId, content: z.string() })).nullish(),
});

/**
 * A tokenizer from Hugging Face files (WordPiece, byte-level BPE, ...). Special tokens are not added by encode.
 * @param where the files, for messages
 * @throws ConfigError for files that make no tokenizer; its `encode` and `decode` too, for what only shows there
 */
export function huggingFaceTokenizer(files: TokenizerFiles, where = 'the tokenizer'): Tokenizer {
  const parsed = schema.safeParse(files.tokenizer);
  if (!parsed.success) throw new ConfigError(`${where} cannot be used:\n${problems(parsed.error, files.tokenizer)}`);
  const size = sizeOf(parsed.data);
  if (size === 0) throw new ConfigError(`${where} cannot be used: its vocabulary is empty.`);
  const guarded = <T>(what: string, act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw new ConfigError(
        `${where} cannot ${what}: ${shown((error as Error).message)}. Take the files of one tokenizer.`,
      );
    }
  };
  const tokenizer = guarded('be used', () => new HuggingFaceTokenizer(files.tokenizer, files.config));
  return {
    size,
    encode(text) {
      const ids: number[] = guarded('encode a text', () => tokenizer.encode(text, { add_special_tokens: false }).ids);
      const wrong = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= size);
      if (wrong >= 0)
        throw new ConfigError(
          `${where} gives token ${wrong} of a text the number ${shown(ids[wrong])}, not one from 0 to ${size - 1}: ` +
            'its vocabulary lacks an entry, and the unknown token.',
        );
      return ids;
    },
    decode: (ids) =>
      ids.length === 0
        ? ''
        : guarded('decode tokens', () =>
            tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
          ),
    id: (token) => tokenizer.token_to_id(token),
    files,
  };
}

/** One more than the largest number. */
function sizeOf({ model: { vocab }, added_tokens }: z.infer<typeof schema>): number {
  let size = Array.isArray(vocab) ? vocab.length : 0;
  if (!Array.isArray(vocab)) for (const id of Object.values(vocab)) size = Math.max(size, id + 1);
  for (const { id } of added_tokens ?? []) size = Math.max(size, id + 1);
  return size;
}

/** [CLS] text [SEP], cut to `tokens`; tokenizers without these marks give the text alone. */
export function encodeTexts(texts: readonly string[], tokenizer: Tokenizer, tokens: number): Int32Array[] {
  const first = tokenizer.id('[CLS]');
  const last = tokenizer.id('[SEP]');
  const marks = (first === undefined ? 0 : 1) + (last === undefined ? 0 : 1);
  return texts.map((text) => {
    const ids = tokenizer.encode(text).slice(0, tokens - marks);
    return Int32Array.from([...(first === undefined ? [] : [first]), ...ids, ...(last === undefined ? [] : [last])]);
  });
}

import { Tokenizer } from '@huggingface/tokenizers';

/** What is used of the library: the cut of a word by WordPiece and BPE, decoders, Oniguruma's syntax in JavaScript's. */
export interface LibraryTokenizer {
  readonly model: (words: string[]) => string[];
  readonly pre_tokenizer: { readonly pattern?: RegExp | null } | null;
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

/** Parts that are not given do nothing. */
export function libraryTokenizer(parts: object): LibraryTokenizer {
  const none = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  return new Tokenizer({ ...none, ...parts }, {}) as unknown as LibraryTokenizer;
}

/** A regular expression of Oniguruma as JavaScript's, global. @throws Error for what cannot be said in it */
export function translateExpression(source: string): RegExp {
  const split = { type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false };
  const { pre_tokenizer } = libraryTokenizer({ model: { type: 'WordPiece', vocab: {} }, pre_tokenizer: split });
  if (!pre_tokenizer?.pattern) throw new Error('it is not understood');
  return pre_tokenizer.pattern;
}

import { ConfigError, huggingFaceTokenizer, type TokenizerFiles } from '@cipherformer/model';

/** BERT's WordPiece over a list of entries ("[PAD]", "[UNK]", "[CLS]", "[SEP]" among them); blank ones only take a number. */
export function wordPieceFiles(entries: readonly string[], lowercase = true, unknown = '[UNK]'): TokenizerFiles {
  const vocab = Object.fromEntries(entries.map((entry, id) => [entry, id]));
  const specials = ['[PAD]', unknown, '[CLS]', '[SEP]', '[MASK]'].filter((token) => Object.hasOwn(vocab, token));
  if (!Object.hasOwn(vocab, unknown)) throw new ConfigError(`A WordPiece vocabulary needs an entry "${unknown}".`);
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: specials.map((content) => ({
        id: vocab[content],
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: null,
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: unknown,
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab,
      },
    },
    config: { tokenizer_class: 'BertTokenizer', do_lower_case: lowercase, model_max_length: 512 },
  };
}

/**
 * The entries of a WordPiece vocabulary that occur at least `minimum` times in `texts`, with the special tokens and
 * all single characters kept, so that rare words fall apart into pieces instead of becoming unknown.
 */
export function trimWordPiece(entries: readonly string[], texts: readonly string[], minimum: number): string[] {
  const full = huggingFaceTokenizer(wordPieceFiles(entries));
  const counts = new Uint32Array(entries.length);
  for (const text of texts) for (const id of full.encode(text)) counts[id]! += 1;
  const single = /^(##)?[\u0021-\u007e]$/u;
  return entries.filter(
    (entry, id) => /^\[(PAD|UNK|CLS|SEP|MASK)\]$/.test(entry) || single.test(entry) || counts[id]! >= minimum,
  );
}

import { z } from 'zod';

// The parts of a tokenizer.json that are understood, every field of them: what is not here is refused by its name.

export const tokenId = z
  .int()
  .min(0)
  .max(2 ** 24 - 1);

const patternSchema = z.union([z.strictObject({ String: z.string() }), z.strictObject({ Regex: z.string() })]);
const type = <Name extends string>(name: Name) => ({ type: z.literal(name) });
const behaviour = z.enum(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']);

const simpleNormalisers = [
  z.strictObject({
    ...type('BertNormalizer'),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  }),
  z.strictObject(type('NFC')),
  z.strictObject(type('NFD')),
  z.strictObject(type('NFKC')),
  z.strictObject(type('NFKD')),
  z.strictObject(type('Lowercase')),
  z.strictObject(type('StripAccents')),
  z.strictObject({ ...type('Strip'), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.strictObject({ ...type('Prepend'), prepend: z.string() }),
  z.strictObject({ ...type('Replace'), pattern: patternSchema, content: z.string() }),
  z.strictObject({ ...type('Precompiled'), precompiled_charsmap: z.string().nullish() }),
] as const;
type SimpleNormaliser = z.infer<(typeof simpleNormalisers)[number]>;
export type NormaliserField =
  | SimpleNormaliser
  | { readonly type: 'Sequence'; readonly normalizers: readonly NormaliserField[] };
const normaliserSchema: z.ZodType<NormaliserField> = z.lazy(() =>
  z.discriminatedUnion('type', [
    ...simpleNormalisers,
    z.strictObject({ ...type('Sequence'), normalizers: z.array(normaliserSchema).max(64) }),
  ]),
);

const simplePreTokenisers = [
  z.strictObject(type('BertPreTokenizer')),
  z.strictObject(type('Whitespace')),
  z.strictObject(type('WhitespaceSplit')),
  z.strictObject({
    ...type('Metaspace'),
    replacement: z.string().min(1).max(2).default('▁'),
    /** Older files write it twice. */
    str_rep: z.string().optional(),
    add_prefix_space: z.boolean().optional(),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    split: z.boolean().default(true),
  }),
  z.strictObject({
    ...type('ByteLevel'),
    add_prefix_space: z.boolean().default(false),
    trim_offsets: z.boolean().optional(),
    use_regex: z.boolean().default(true),
  }),
  z.strictObject({ ...type('Split'), pattern: patternSchema, behavior: behaviour, invert: z.boolean().default(false) }),
  z.strictObject({ ...type('Punctuation'), behavior: behaviour.default('Isolated') }),
  z.strictObject({ ...type('Digits'), individual_digits: z.boolean().default(false) }),
] as const;
type SimplePreTokeniser = z.infer<(typeof simplePreTokenisers)[number]>;
export type Behaviour = z.infer<typeof behaviour>;
export type PreTokeniserField =
  | SimplePreTokeniser
  | { readonly type: 'Sequence'; readonly pretokenizers: readonly PreTokeniserField[] };
const preTokeniserSchema: z.ZodType<PreTokeniserField> = z.lazy(() =>
  z.discriminatedUnion('type', [
    ...simplePreTokenisers,
    z.strictObject({ ...type('Sequence'), pretokenizers: z.array(preTokeniserSchema).max(64) }),
  ]),
);

const vocabulary = z.record(z.string(), tokenId);
/** Nothing may be dropped at random when a model is used. */
const dropout = z.union([z.null(), z.literal(0)]).optional();
const modelSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...type('WordPiece'),
    vocab: vocabulary,
    unk_token: z.string(),
    continuing_subword_prefix: z.string().default('##'),
    max_input_chars_per_word: z.int().positive().default(100),
  }),
  z.strictObject({
    ...type('BPE'),
    vocab: vocabulary,
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).max(2 ** 24),
    dropout,
    unk_token: z.string().nullish(),
    continuing_subword_prefix: z.literal('').nullish(),
    end_of_word_suffix: z.string().nullish(),
    fuse_unk: z.boolean().default(false),
    byte_fallback: z.boolean().default(false),
    ignore_merges: z.boolean().default(false),
  }),
  z.strictObject({
    ...type('Unigram'),
    vocab: z.array(z.tuple([z.string(), z.number()])).max(2 ** 24),
    unk_id: tokenId.nullish(),
    byte_fallback: z.boolean().default(false),
  }),
  z.strictObject({ ...type('WordLevel'), vocab: vocabulary, unk_token: z.string() }),
]);
export type ModelField = z.infer<typeof modelSchema>;

export const addedTokenSchema = z.strictObject({
  id: tokenId,
  content: z.string().min(1).max(2000),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});
export type AddedToken = z.infer<typeof addedTokenSchema>;

const typeId = z.int().min(0).max(255);
const piece = z.union([
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: typeId }) }),
  z.strictObject({ Sequence: z.strictObject({ id: z.enum(['A', 'B']), type_id: typeId }) }),
]);
export type TemplatePiece = z.infer<typeof piece>;
const mark = z.tuple([z.string(), tokenId]);
const simplePostProcessors = [
  z.strictObject({
    ...type('ByteLevel'),
    add_prefix_space: z.boolean().optional(),
    trim_offsets: z.boolean().optional(),
    use_regex: z.boolean().optional(),
  }),
  z.strictObject({ ...type('BertProcessing'), sep: mark, cls: mark }),
  z.strictObject({
    ...type('RobertaProcessing'),
    sep: mark,
    cls: mark,
    trim_offsets: z.boolean().optional(),
    add_prefix_space: z.boolean().optional(),
  }),
  z.strictObject({
    ...type('TemplateProcessing'),
    single: z.array(piece).max(64),
    pair: z.array(piece).max(64),
    special_tokens: z.record(
      z.string(),
      z.strictObject({ id: z.string(), ids: z.array(tokenId).max(64), tokens: z.array(z.string()).max(64) }),
    ),
  }),
] as const;
type SimplePostProcessor = z.infer<(typeof simplePostProcessors)[number]>;
export type PostProcessorField =
  | SimplePostProcessor
  | { readonly type: 'Sequence'; readonly processors: readonly PostProcessorField[] };
const postProcessorSchema: z.ZodType<PostProcessorField> = z.lazy(() =>
  z.discriminatedUnion('type', [
    ...simplePostProcessors,
    z.strictObject({ ...type('Sequence'), processors: z.array(postProcessorSchema).max(64) }),
  ]),
);

/** A tokenizer.json. Decoders, which only show tokens, are the library's. */
export const tokenizerSchema = z.strictObject({
  version: z.string().optional(),
  /** Of a call, not of the tokenizer: only the side is taken over. */
  truncation: z.looseObject({ direction: z.enum(['Left', 'Right']).optional() }).nullish(),
  padding: z.looseObject({}).nullish(),
  added_tokens: z
    .array(addedTokenSchema)
    .max(2 ** 20)
    .nullish(),
  normalizer: normaliserSchema.nullish(),
  pre_tokenizer: preTokeniserSchema.nullish(),
  post_processor: postProcessorSchema.nullish(),
  decoder: z.looseObject({ type: z.string() }).nullish(),
  model: z.preprocess(withType, modelSchema),
});
export type TokenizerField = z.infer<typeof tokenizerSchema>;

/** Older files do not name the kind of their model. */
function withType(model: unknown): unknown {
  if (typeof model !== 'object' || model === null || 'type' in model) return model;
  const kind =
    'vocab' in model && Array.isArray(model.vocab)
      ? 'Unigram'
      : 'merges' in model
        ? 'BPE'
        : 'continuing_subword_prefix' in model || 'max_input_chars_per_word' in model
          ? 'WordPiece'
          : 'WordLevel';
  return { type: kind, ...model };
}

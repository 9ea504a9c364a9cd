import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { problems, shown } from '../untrusted/index.ts';
import { type AddedToken, addedTokenSchema, tokenId } from './tokenizer-schema.ts';

// A tokenizer.json is not all of a tokenizer: its class and the files beside it change it when transformers loads it.

type Json = Readonly<Record<string, unknown>>;

const specialNames = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** A token as configurations write it: its text, or its text with what it takes. */
const namedToken = z.union([
  z.string(),
  z.looseObject({
    content: z.string(),
    single_word: z.boolean().default(false),
    lstrip: z.boolean().default(false),
    rstrip: z.boolean().default(false),
    normalized: z.boolean().optional(),
    special: z.boolean().optional(),
  }),
]);
type NamedToken = z.infer<typeof namedToken>;

/** What of a tokenizer_config.json changes token numbers; other keys are of chats, of calls, or notes. */
const configSchema = z.looseObject({
  ...Object.fromEntries(specialNames.map((name) => [name, namedToken.nullish()])),
  tokenizer_class: z.string().nullish(),
  added_tokens_decoder: z.record(z.string(), namedToken).optional(),
  additional_special_tokens: z.array(namedToken).nullish(),
  extra_special_tokens: z.union([z.array(namedToken), z.record(z.string(), namedToken)]).nullish(),
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
  truncation_side: z.enum(['left', 'right']).nullish(),
  model_max_length: z.number().positive().nullish(),
  /** Tokens in a text are always found. */
  split_special_tokens: z.literal(false).nullish(),
});
type Config = z.infer<typeof configSchema> & Partial<Record<(typeof specialNames)[number], NamedToken | null>>;

/** @throws ConfigError naming the field that is not understood */
export function parseTokenizerConfig(config: unknown, where: string): Config {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success)
    throw new ConfigError(`${where}: the tokenizer's configuration is wrong:\n${problems(parsed.error, config)}`);
  return parsed.data as Config;
}

const contentOf = (token: NamedToken | null | undefined): string | undefined =>
  typeof token === 'string' ? token : token?.content;

/** The text of the token that fills sequences up. */
export const paddingOf = (config: Config): string | undefined => contentOf(config.pad_token);

/** Classes whose tokens and marks are BERT's, or RoBERTa's; both with and without "Fast". */
const bertLike =
  /^(Bert|DistilBert|Electra|MobileBert|ConvBert|Squeezebert|SqueezeBert|LayoutLM|Retribert|Lxmert|Funnel)Tokenizer(Fast)?$/;
const robertaLike = /^(Roberta|Longformer)Tokenizer(Fast)?$/;
const byteLevelLike = /^(GPT2|Roberta|Longformer)Tokenizer(Fast)?$/;

/** Marks that a class has where its configuration names none. */
function defaultMarks(name: string): Partial<Record<(typeof specialNames)[number], string>> {
  if (bertLike.test(name)) return { cls_token: '[CLS]', sep_token: '[SEP]' };
  if (robertaLike.test(name)) return { cls_token: '<s>', sep_token: '</s>' };
  return {};
}

/**
 * A tokenizer.json with what its configuration says besides: tokens that are only named there, BERT's casing, a prefix
 * space, marks of its class, a BOS or EOS that is asked for. Doing it again changes nothing.
 * @throws ConfigError for a configuration that is wrong, or asks for a token that has no number
 */
export function completeTokenizer(tokenizer: Json, config: unknown, where: string): Json {
  const parsed = parseTokenizerConfig(config, where);
  const name = parsed.tokenizer_class ?? '';
  const named = { ...defaultMarks(name), ...parsed };
  const entries = entriesOf(tokenizer);
  const tokens = addTokens(tokenizer, parsed, entries, where);
  const numbers = new Map(tokens.map(({ content, id }) => [content, id]));
  const idOf = (name: (typeof specialNames)[number]): number | undefined => {
    const content = contentOf(named[name]);
    return content === undefined ? undefined : (numbers.get(content) ?? entries.get(content));
  };
  return {
    ...tokenizer,
    added_tokens: tokens,
    normalizer: bertLike.test(name) ? withCasing(tokenizer.normalizer, parsed) : tokenizer.normalizer,
    pre_tokenizer: byteLevelLike.test(name)
      ? withPrefixSpace(tokenizer.pre_tokenizer, parsed)
      : tokenizer.pre_tokenizer,
    post_processor: marks(tokenizer.post_processor, name, named, numbers, idOf, where),
  };
}

/** Numbers by entry. */
function entriesOf(tokenizer: Json): ReadonlyMap<string, number> {
  const vocabulary = (tokenizer.model as { vocab?: unknown } | null | undefined)?.vocab;
  if (Array.isArray(vocabulary))
    return new Map(vocabulary.flatMap((entry: unknown, id) => (Array.isArray(entry) ? [[String(entry[0]), id]] : [])));
  if (typeof vocabulary !== 'object' || vocabulary === null) return new Map();
  return new Map(Object.entries(vocabulary).flatMap(([entry, id]) => (typeof id === 'number' ? [[entry, id]] : [])));
}

const addedTokensSchema = z.object({
  added_tokens: z
    .array(addedTokenSchema)
    .max(2 ** 20)
    .nullish(),
});

/** The added tokens of the file, then those of the configuration by their numbers, then special ones that have none yet. */
function addTokens(tokenizer: Json, config: Config, entries: ReadonlyMap<string, number>, where: string): AddedToken[] {
  const parsed = addedTokensSchema.safeParse(tokenizer);
  if (!parsed.success) throw new ConfigError(`${where} cannot be used:\n${problems(parsed.error, tokenizer)}`);
  const tokens = new Map((parsed.data.added_tokens ?? []).map((token) => [token.content, token]));
  let size = 0;
  for (const id of entries.values()) size = Math.max(size, id + 1);
  for (const { id } of tokens.values()) size = Math.max(size, id + 1);
  const add = (given: NamedToken, special: boolean, id?: number) => {
    const content = contentOf(given)!;
    const known = tokens.get(content);
    if (typeof given === 'string' && known) {
      if (special) tokens.set(content, { ...known, special: true });
      return;
    }
    const number = id ?? known?.id ?? entries.get(content) ?? size;
    size = Math.max(size, number + 1);
    if (content === '' || (known && id !== undefined && known.id !== id))
      throw new ConfigError(
        `${where}: the token ${shown(content)} has the number ${known?.id ?? 'none'} in one file and ${id ?? 'none'} in another: take the files of one tokenizer.`,
      );
    const flags = typeof given === 'string' ? { single_word: false, lstrip: false, rstrip: false } : given;
    const isSpecial = special || (typeof given !== 'string' && given.special === true);
    tokens.set(content, {
      id: number,
      content,
      single_word: flags.single_word,
      lstrip: flags.lstrip,
      rstrip: flags.rstrip,
      normalized: (typeof given !== 'string' ? given.normalized : undefined) ?? !isSpecial,
      special: isSpecial,
    });
  };
  const numbered = Object.entries(config.added_tokens_decoder ?? {}).map(([id, token]) => {
    const number = tokenId.safeParse(/^\d{1,8}$/.test(id) ? Number(id) : id);
    if (!number.success)
      throw new ConfigError(`${where}: added_tokens_decoder has the number ${shown(id)}: it has to be a whole number.`);
    return [number.data, token] as const;
  });
  for (const [id, token] of numbered.sort(([a], [b]) => a - b)) add(token, false, id);
  for (const name of specialNames) {
    const token = config[name];
    if (token !== undefined && token !== null) add(token, true);
  }
  const extra = config.extra_special_tokens ?? [];
  for (const token of [...(config.additional_special_tokens ?? []), ...Object.values(extra)]) add(token, true);
  return [...tokens.values()].sort((a, b) => a.id - b.id);
}

/** BERT's class takes these from its configuration, whatever the file says. */
function withCasing(normalizer: unknown, config: Config): unknown {
  if ((normalizer as Json | null | undefined)?.type !== 'BertNormalizer') return normalizer;
  const { do_lower_case: lowercase, tokenize_chinese_chars: chinese, strip_accents: accents } = config;
  return {
    ...(normalizer as Json),
    ...(typeof lowercase === 'boolean' && { lowercase }),
    ...(typeof chinese === 'boolean' && { handle_chinese_chars: chinese }),
    ...(accents !== undefined && { strip_accents: accents }),
  };
}

function withPrefixSpace(preTokenizer: unknown, { add_prefix_space }: Config): unknown {
  const isByteLevel = (preTokenizer as Json | null | undefined)?.type === 'ByteLevel';
  return isByteLevel && typeof add_prefix_space === 'boolean'
    ? { ...(preTokenizer as Json), add_prefix_space }
    : preTokenizer;
}

function marks(
  given: unknown,
  className: string,
  config: Config,
  numbers: ReadonlyMap<string, number>,
  idOf: (name: (typeof specialNames)[number]) => number | undefined,
  where: string,
): unknown {
  const asked = (name: 'cls_token' | 'sep_token' | 'bos_token' | 'eos_token') => {
    const id = idOf(name);
    if (id === undefined)
      throw new ConfigError(
        `${where}: ${className || 'the tokenizer'} marks texts with its ${name}, which is in none of its files.`,
      );
    return { id, content: contentOf(config[name])! };
  };
  if (bertLike.test(className) || robertaLike.test(className)) {
    // A vocabulary without them is one of ours.
    const unmarked = idOf('cls_token') === undefined && idOf('sep_token') === undefined;
    if ((given !== undefined && given !== null) || unmarked) return given;
    const [cls, sep] = [asked('cls_token'), asked('sep_token')];
    const type = bertLike.test(className) ? 'BertProcessing' : 'RobertaProcessing';
    return { type, sep: [sep.content, sep.id], cls: [cls.content, cls.id] };
  }
  const ours = earlierMarks(given, config, numbers);
  if (ours) return ours;
  if (typeof config.add_bos_token !== 'boolean' && typeof config.add_eos_token !== 'boolean') return given;
  const bos = config.add_bos_token && config.bos_token ? asked('bos_token') : undefined;
  const eos = config.add_eos_token && config.eos_token ? asked('eos_token') : undefined;
  const around = (sequence: 'A' | 'B', type_id: number) => [
    ...(bos ? [{ SpecialToken: { id: bos.content, type_id } }] : []),
    { Sequence: { id: sequence, type_id } },
    ...(eos ? [{ SpecialToken: { id: eos.content, type_id } }] : []),
  ];
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      [bos, eos].flatMap((one) =>
        one ? [[one.content, { id: one.content, ids: [one.id], tokens: [one.content] }]] : [],
      ),
    ),
  };
}

/** Earlier versions of this software kept no marks in the files of tokenizers that they trained, and put these around texts. */
function earlierMarks(given: unknown, config: Config, numbers: ReadonlyMap<string, number>): unknown {
  const [cls, sep] = ['[CLS]', '[SEP]'].map((mark) => numbers.get(mark));
  const trained = config.tokenizer_class === 'GPT2Tokenizer' && config.model_max_length === 1_000_000;
  if (given || !trained || cls === undefined || sep === undefined) return undefined;
  return { type: 'BertProcessing', sep: ['[SEP]', sep], cls: ['[CLS]', cls] };
}

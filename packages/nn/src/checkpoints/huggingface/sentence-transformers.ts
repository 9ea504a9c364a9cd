import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, FormatError } from '@cipherformer/model';
import { readJson } from '@cipherformer/model/files';
import { problems, shown } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { fileIn } from './folder-files.ts';

/** How a folder of sentence-transformers makes one vector of a text. */
export interface SentenceModules {
  readonly pool: 'class' | 'mean' | 'max' | 'last';
  /** Brought to length 1. */
  readonly unit: boolean;
  /** Longer texts are cut. */
  readonly maxTokens?: number;
  /** The folder of the transformer, relative to that of the modules. */
  readonly transformer: string;
}

const moduleSchema = z.object({
  idx: z.int(),
  name: z.string().optional(),
  path: z.string().max(200),
  type: z.string().max(200),
  kwargs: z.array(z.string()).max(0).optional(),
});
const modulesSchema = z.array(moduleSchema).min(2).max(8);

/** Ways to one vector, by the keys of 1_Pooling/config.json; true of one alone. */
const pools: Readonly<Record<string, SentenceModules['pool']>> = {
  pooling_mode_cls_token: 'class',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_lasttoken: 'last',
};
const poolingSchema = z.strictObject({
  word_embedding_dimension: z.int().positive().optional(),
  pooling_mode: z.enum(['cls', 'mean', 'max', 'lasttoken', 'weightedmean', 'mean_sqrt_len_tokens']).optional(),
  include_prompt: z.literal(true).optional(),
  ...Object.fromEntries(Object.keys(pools).map((key) => [key, z.boolean().default(false)])),
  pooling_mode_mean_sqrt_len_tokens: z.literal(false).optional(),
  pooling_mode_weightedmean_tokens: z.literal(false).optional(),
});

const transformerSchema = z.strictObject({
  max_seq_length: z.int().positive().nullish(),
  /** Lower case before the tokenizer. */
  do_lower_case: z.literal(false).default(false),
});

/** config_sentence_transformers.json: words before each text, what vectors are compared by. */
const settingsSchema = z.object({ default_prompt_name: z.null().optional() });

/**
 * What modules.json of a folder says, and the files that it names.
 * @throws ConfigError naming what is not read: other modules, other ways of pooling
 */
export function readSentenceModules(folder: string): SentenceModules | undefined {
  const file = join(folder, 'modules.json');
  if (!existsSync(file)) return undefined;
  const modules = parse(modulesSchema, fileIn(folder, 'modules.json'));
  const [transformer, pooling, ...rest] = modules.toSorted((a, b) => a.idx - b.idx);
  const kind = (type: string) => type.split('.').at(-1)!;
  const last = rest[0] ? kind(rest[0].type) : undefined;
  if (
    kind(transformer!.type) !== 'Transformer' ||
    kind(pooling!.type) !== 'Pooling' ||
    rest.length > 1 ||
    (last && last !== 'Normalize')
  )
    throw new ConfigError(
      `${file} lists ${modules.map(({ type }) => shown(kind(type))).join(', ')}. Read are Transformer, Pooling and, last, Normalize.`,
    );
  const settings = join(folder, 'config_sentence_transformers.json');
  if (existsSync(settings)) parse(settingsSchema, fileIn(folder, 'config_sentence_transformers.json'));
  return {
    pool: poolOf(fileIn(folder, join(pooling!.path, 'config.json'))),
    unit: last === 'Normalize',
    ...maxTokensOf(folder, transformer!.path),
    transformer: transformer!.path,
  };
}

function poolOf(file: string): SentenceModules['pool'] {
  const value = parse(poolingSchema, file);
  const named = { cls: 'class', mean: 'mean', max: 'max', lasttoken: 'last' } as const;
  const mode = value.pooling_mode;
  if (mode !== undefined && !Object.hasOwn(named, mode))
    throw new ConfigError(`${file}: pooling_mode is ${shown(mode)}: read are ${Object.keys(named).join(', ')}.`);
  const chosen = [
    ...(mode === undefined ? [] : [named[mode as keyof typeof named]]),
    ...Object.entries(pools).flatMap(([key, pool]) => ((value as Record<string, unknown>)[key] === true ? [pool] : [])),
  ];
  if (chosen.length !== 1)
    throw new ConfigError(
      `${file} asks for ${chosen.length} ways of pooling (${chosen.join(', ') || 'none'}): one alone is read.`,
    );
  return chosen[0]!;
}

function maxTokensOf(folder: string, path: string): { readonly maxTokens?: number } {
  const names = ['sentence_bert_config.json', 'sentence_roberta_config.json', 'sentence_distilbert_config.json'].concat(
    ['sentence_camembert_config.json', 'sentence_albert_config.json', 'sentence_xlm-roberta_config.json'],
  );
  const name = names.map((one) => join(path, one)).find((one) => existsSync(join(folder, one)));
  if (name === undefined) return {};
  const { max_seq_length: maxTokens } = parse(transformerSchema, fileIn(folder, name));
  return maxTokens ? { maxTokens } : {};
}

function parse<T>(schema: z.ZodType<T>, path: string): T {
  const value = readJson(path);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new FormatError(`${path}: ${problems(parsed.error, value)}`);
  return parsed.data;
}

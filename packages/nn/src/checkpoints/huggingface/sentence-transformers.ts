import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, FormatError } from '@cipherformer/model';
import { readJson } from '@cipherformer/model/files';
import { listed, problems } from '@cipherformer/model/untrusted';
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
  /** A folder in that of the modules, or that itself. */
  path: z
    .string()
    .regex(/^([\w-][\w.-]*)?$/, 'has to be a folder in that of the modules')
    .max(200),
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
const modes = { cls: 'class', mean: 'mean', max: 'max', lasttoken: 'last' } as const;
const poolingSchema = z.strictObject({
  word_embedding_dimension: z.int().positive().optional(),
  pooling_mode: z.enum(['cls', 'mean', 'max', 'lasttoken']).optional(),
  include_prompt: z.literal(true).optional(),
  ...Object.fromEntries(Object.entries(pools).map(([key, pool]) => [key, z.boolean().default(pool === 'mean')])),
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

/** The JSON of a file of the folder by its name; undefined where there is none. */
export type FolderJson = (name: string) => unknown;

/** What modules.json of a folder says; undefined where it has none. Errors as `sentenceModules`. */
export const readSentenceModules = (folder: string): SentenceModules | undefined =>
  sentenceModules((name) => (existsSync(join(folder, name)) ? readJson(fileIn(folder, name)) : undefined), folder);

/**
 * What modules.json says, and the files that it names.
 * @throws ConfigError naming what is not read: other modules, other ways of pooling; FormatError for files that are none
 */
export function sentenceModules(json: FolderJson, where: string): SentenceModules | undefined {
  const file = join(where, 'modules.json');
  const value = json('modules.json');
  if (value === undefined) return undefined;
  const modules = parse(modulesSchema, value, file);
  const [transformer, pooling, ...rest] = modules.toSorted((a, b) => a.idx - b.idx);
  const kinds = [transformer!, pooling!, ...rest].map(({ type }) => type.split('.').at(-1)!);
  if (!['Transformer,Pooling', 'Transformer,Pooling,Normalize'].includes(kinds.join()))
    throw new ConfigError(`${file} lists ${listed(kinds)}. Read are Transformer, Pooling and, last, Normalize.`);
  const settings = json('config_sentence_transformers.json');
  if (settings !== undefined) parse(settingsSchema, settings, join(where, 'config_sentence_transformers.json'));
  const config = join(pooling!.path, 'config.json');
  return {
    pool: poolOf(json(config), join(where, config)),
    unit: rest.length > 0,
    ...maxTokensOf(json, transformer!.path, where),
    transformer: transformer!.path,
  };
}

function poolOf(json: unknown, where: string): SentenceModules['pool'] {
  const { pooling_mode: mode, ...value } = parse(poolingSchema, json, where);
  if (mode !== undefined) return modes[mode];
  const given = value as Readonly<Record<string, unknown>>;
  const chosen = Object.entries(pools).flatMap(([key, pool]) => (given[key] === true ? [pool] : []));
  if (chosen.length !== 1)
    throw new ConfigError(
      `${where} asks for ${chosen.length} ways of pooling (${chosen.join(', ') || 'none'}): one alone is read.`,
    );
  return chosen[0]!;
}

/** sentence_bert_config.json, whose name older versions took from the family. */
const settingNames = ['bert', 'roberta', 'distilbert', 'camembert', 'albert', 'xlm-roberta', 'xlnet'];

function maxTokensOf(json: FolderJson, path: string, where: string): { readonly maxTokens?: number } {
  for (const family of settingNames) {
    const name = join(path, `sentence_${family}_config.json`);
    const value = json(name);
    if (value === undefined) continue;
    const { max_seq_length: maxTokens } = parse(transformerSchema, value, join(where, name));
    return maxTokens ? { maxTokens } : {};
  }
  return {};
}

function parse<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new FormatError(`${where}: ${problems(parsed.error, value)}`);
  return parsed.data;
}

import { ConfigError } from '@cipherformer/model';
import { listed, problems, shown } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import {
  type ActivationConfig,
  type ModelConfig,
  type ModelConfigInput,
  parseModelConfig,
} from '../../transformer/config.ts';
import { type Adapter, type AdapterInput, adapterSchema } from '../adapter.ts';
import { type Head, type HeadKind, headOf, labelKeys } from './heads.ts';
import type { SentenceModules } from './sentence-transformers.ts';

/** What a config.json says, in our words, and where model.safetensors keeps each tensor. */
export interface ForeignLayout {
  readonly config: ModelConfig;
  readonly adapter: Adapter;
  readonly classes?: readonly string[];
}

/** Reads the config.json of one family. */
export interface Family {
  /** @throws ConfigError naming the key */
  (value: unknown, where: string, sentence?: SentenceModules): ForeignLayout;
  /** Keys that the model is made from. */
  readonly used: ReadonlySet<string>;
  /** Keys that do not change what the model computes. The rest is refused, but for values that change nothing. */
  readonly idle: ReadonlySet<string>;
}

/** A layout as a family's file writes it, before defaults are filled in. */
interface LayoutInput {
  readonly config: ModelConfigInput;
  readonly adapter: AdapterInput;
}

/** A key that is read where it has one of the values at which it changes nothing. */
export interface Fixed {
  readonly values: readonly unknown[];
  readonly why: string;
}

/** A key with these values alone, and why: "... is not supported". Absent is as the first. */
export const only = (values: readonly unknown[], why: string): Fixed => ({ values, why });

interface FamilyParts<Shape extends z.ZodRawShape> {
  /** The family's name in class names: "Bert" of BertForSequenceClassification. */
  readonly name: string;
  /** What is read of the classes that transformers has, the first where config.json names none. */
  readonly heads: readonly HeadKind[];
  /** Keys that the model is made from. */
  readonly used: Shape;
  /** Keys that have to be at a value that changes nothing. */
  readonly fixed?: Readonly<Record<string, Fixed>>;
  /** Keys that only training, generation or other heads read. */
  readonly idle?: readonly string[];
  readonly layout: (config: z.infer<z.ZodObject<Shape>>, head: Head, where: string) => LayoutInput;
}

/** A family of models: every key of its config.json is used, has to be at a value that changes nothing, or is refused by name. */
export function family<Shape extends z.ZodRawShape>(parts: FamilyParts<Shape>): Family {
  const fixed = { ...commonFixed, ...parts.fixed };
  const idle = new Set([...commonIdle, ...(parts.idle ?? [])].filter((key) => !(key in parts.used)));
  const schema = z.object(parts.used);
  const read = (value: unknown, where: string, sentence?: SentenceModules): ForeignLayout => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ConfigError(`${where} is ${shown(value)}: it has to be a JSON object.`);
    const given = value as Record<string, unknown>;
    checkKeys(given, { used: { ...labelKeys.shape, ...parts.used }, fixed, idle }, where);
    const labels = parse(labelKeys, given, where);
    const head = headOf(parts, labels, where, sentence);
    const { config, adapter } = parts.layout(parse(schema, given, where), head, where);
    return {
      config: parseModelConfig(config, where),
      adapter: adapterSchema.parse({ ...adapter, ignore: [...ignoredTensors, ...(adapter.ignore ?? [])] }),
      ...(head.kind === 'classes' || head.kind === 'tokens' ? { classes: head.classes } : {}),
    };
  };
  return Object.assign(read, { used: new Set(Object.keys({ ...labelKeys.shape, ...parts.used })), idle });
}

function parse<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, value: unknown, where: string) {
  const result = schema.safeParse(value);
  if (!result.success) throw new ConfigError(`${where}: ${problems(result.error, value)}`);
  return result.data;
}

interface Keys {
  readonly used: Readonly<Record<string, unknown>>;
  readonly fixed: Readonly<Record<string, Fixed>>;
  readonly idle: ReadonlySet<string>;
}

/** @throws ConfigError naming keys that are not known, or the first that is not at a value which changes nothing */
function checkKeys(given: Readonly<Record<string, unknown>>, { used, fixed, idle }: Keys, where: string): void {
  const names = Object.keys(given).filter((key) => !Object.hasOwn(used, key) && !idle.has(key));
  for (const key of names) {
    const rule = Object.hasOwn(fixed, key) ? fixed[key] : undefined;
    if (rule && !rule.values.some((value) => JSON.stringify(value) === JSON.stringify(given[key])))
      throw new ConfigError(
        `${where}: ${shown(key)} is ${shown(given[key])}: ${rule.why}. Read is ${rule.values.map(shown).join(' or ')}.`,
      );
  }
  const unknown = names.filter((key) => !Object.hasOwn(fixed, key));
  if (unknown.length > 0)
    throw new ConfigError(
      `${where}: ${listed(unknown, 5)} ${unknown.length === 1 ? 'is a key' : 'are keys'} that this release does not know, ` +
        'so that it cannot tell what they change. Take them out if they change nothing.',
    );
}

const commonFixed: Readonly<Record<string, Fixed>> = {
  is_encoder_decoder: only([false], 'models of an encoder and a decoder are not supported'),
  add_cross_attention: only([false], 'cross attention is not supported'),
  cross_attention_hidden_size: only([null], 'cross attention is not supported'),
  is_decoder: only([false], 'a decoder of this family is not supported'),
  tie_encoder_decoder: only([false], 'models of an encoder and a decoder are not supported'),
  pruned_heads: only([{}, null], 'pruned heads are not supported: save the model with all of them'),
  quantization_config: only([null], 'quantised weights are not supported: save the model in float16 or float32'),
  auto_map: only([null], 'code that comes with a model is never run'),
  per_layer_config: only([null], 'layers of other shapes are not supported'),
};

/** Keys of every config.json that say nothing of what the model computes. */
const commonIdle = [
  ...['model_type', '_num_labels', 'output_past', 'transformers.js_config', 'license', 'language'],
  ...['transformers_version', '_name_or_path', 'name_or_path', '_commit_hash', 'dtype', 'torch_dtype', 'use_cache'],
  ...['return_dict', 'output_hidden_states', 'output_attentions', 'gradient_checkpointing', 'torchscript'],
  ...['use_bfloat16', 'tf_legacy_loss', 'chunk_size_feed_forward', 'initializer_range', 'initializer_factor'],
  ...['attn_implementation', '_attn_implementation', '_attn_implementation_autoset', 'tokenizer_class', 'prefix'],
  ...['bos_token_id', 'eos_token_id', 'sep_token_id', 'cls_token_id', 'mask_token_id', 'unk_token_id'],
  ...['pad_token_id', 'decoder_start_token_id', 'finetuning_task', 'task_specific_params', 'tie_word_embeddings'],
  // Of generation, which older files keep here.
  ...['max_length', 'min_length', 'max_new_tokens', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups'],
  ...['diversity_penalty', 'temperature', 'top_k', 'top_p', 'typical_p', 'repetition_penalty', 'length_penalty'],
  ...['no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'bad_words_ids', 'num_return_sequences'],
  ...['output_scores', 'return_dict_in_generate', 'forced_bos_token_id', 'forced_eos_token_id'],
  ...['remove_invalid_values', 'exponential_decay_length_penalty', 'suppress_tokens', 'begin_suppress_tokens'],
];

/** Tensors that are no part of a model as it is read: other heads, numbers counted up, masks. */
const ignoredTensors = [
  '*position_ids',
  '*token_type_ids',
  '*pooler.*',
  'cls.*',
  'qa_outputs.*',
  '*num_batches_tracked',
];

/** Sizes are bounded where they are used: here what is made of one on the way there. */
export const size = z
  .int()
  .positive()
  .max(2 ** 24);

const activations = new Map<string, ActivationConfig>([
  ['gelu', 'gelu'],
  ['gelu_python', 'gelu'],
  ['gelu_new', 'gelu_tanh'],
  ['gelu_pytorch_tanh', 'gelu_tanh'],
  ['gelu_python_tanh', 'gelu_tanh'],
  ['gelu_fast', 'gelu_tanh'],
  ['gelu_accurate', 'gelu_tanh'],
  ['quick_gelu', 'quick_gelu'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['tanh', 'tanh'],
  ['linear', 'identity'],
]);

/** The name of an activation. */
export const activation = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((name, context): ActivationConfig => {
      const known = activations.get(name);
      if (known === undefined) {
        context.addIssue({
          code: 'custom',
          message: `unknown activation ${shown(name)}; known are ${[...activations.keys()].join(', ')}`,
        });
        return z.NEVER;
      }
      return known;
    });

/** The smallest variance that a normalisation divides by. */
export const epsilon = (fallback: number) => z.number().positive().max(1).default(fallback);

/** The width of a head, of heads that share the model's. @throws ConfigError where they do not divide it */
export function headWidth(width: number, heads: number, where: string): number {
  if (width % heads !== 0)
    throw new ConfigError(`${where}: a width of ${width} does not divide into ${heads} attention heads.`);
  return width / heads;
}

/** The rules of a linear layer or a normalisation: weight and bias. */
export const dense = (target: string, source: string): AdapterInput['tensors'] => ({
  [`${target}.weight`]: `${source}.weight`,
  [`${target}.bias`]: `${source}.bias`,
});

/** The rules of queries, keys and values that the file keeps apart; a null stands for biases that it leaves out. */
export const stacked = (
  target: string,
  sources: readonly string[],
  biases: readonly (string | null)[] = sources,
): AdapterInput['tensors'] => ({
  [`${target}.weight`]: { from: sources.map((name) => `${name}.weight`) },
  [`${target}.bias`]: { from: biases.map((name) => name && `${name}.bias`) },
});

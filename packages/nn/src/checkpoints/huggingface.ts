import { ConfigError } from '@cipherformer/model';
import { listed, problems, shown, words } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import {
  type ActivationConfig,
  type ModelConfig,
  type ModelConfigInput,
  parseModelConfig,
} from '../transformer/config.ts';
import { type Adapter, type AdapterInput, adapterSchema } from './adapter.ts';

/** The Hugging Face layouts read directly: what config.json says, and where model.safetensors keeps each tensor. */
export interface ForeignLayout {
  readonly config: ModelConfig;
  readonly adapter: Adapter;
  readonly classes?: readonly string[];
}

const activations = new Map<string, ActivationConfig>([
  ['gelu', 'gelu'],
  ['gelu_new', 'gelu_tanh'],
  ['gelu_pytorch_tanh', 'gelu_tanh'],
  ['gelu_fast', 'gelu_tanh'],
  ['quick_gelu', 'quick_gelu'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
]);

function activationOf(name: string, where: string): ActivationConfig {
  const known = activations.get(name);
  if (known === undefined) {
    throw new ConfigError(
      `${where}: unknown activation ${shown(name)}; known are ${[...activations.keys()].join(', ')}.`,
    );
  }
  return known;
}

/** Sizes are bounded where they are used: here what is made of one on the way there. */
const size = z
  .int()
  .positive()
  .max(2 ** 24);
const pair = z.union([size, z.tuple([size, size])]);
const labels = {
  id2label: z.record(z.string(), words).optional(),
  num_labels: z.int().positive().max(100_000).optional(),
};

const vitSchema = z.object({
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: z.string().default('gelu'),
  layer_norm_eps: z.number().default(1e-12),
  image_size: pair,
  patch_size: size,
  num_channels: size.default(3),
  qkv_bias: z.boolean().default(true),
  ...labels,
});

const bertSchema = z.object({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: z.string().default('gelu'),
  layer_norm_eps: z.number().default(1e-12),
  max_position_embeddings: size,
  type_vocab_size: size.default(2),
  position_embedding_type: z.literal('absolute').default('absolute'),
  ...labels,
});

const gpt2Schema = z.object({
  vocab_size: size,
  n_embd: size,
  n_layer: size,
  n_head: size,
  n_inner: size.nullish(),
  n_positions: size,
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: z.number().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});

const llamaSchema = z.object({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.optional(),
  intermediate_size: size,
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().default(1e-6),
  max_position_embeddings: size,
  rope_theta: z.number().default(10000),
  rope_scaling: z.null().optional(),
  tie_word_embeddings: z.boolean().default(false),
});

function classNames(
  config: { id2label?: Record<string, string> | undefined; num_labels?: number | undefined },
  where: string,
): string[] {
  if (config.id2label) {
    const { id2label } = config;
    return Object.keys(id2label).map((_, i) => {
      const name = id2label[i];
      if (name === undefined)
        throw new ConfigError(
          `${where}: id2label names ${listed(Object.keys(id2label))}, not ${i}: classes are numbered from 0 without a gap.`,
        );
      return name;
    });
  }
  return Array.from({ length: config.num_labels ?? 2 }, (_, i) => `LABEL_${i}`);
}

function headWidth(width: number, heads: number, where: string): number {
  if (width % heads !== 0)
    throw new ConfigError(`${where}: a width of ${width} does not divide into ${heads} attention heads.`);
  return width / heads;
}

const dense = (target: string, source: string): AdapterInput['tensors'] => ({
  [`${target}.weight`]: `${source}.weight`,
  [`${target}.bias`]: `${source}.bias`,
});

const layouts: Readonly<Record<string, (value: unknown, where: string) => ForeignLayout>> = {
  vit(value, where) {
    const c = check(vitSchema, value, where);
    const [height, width] = typeof c.image_size === 'number' ? [c.image_size, c.image_size] : c.image_size;
    const classes = classNames(c, where);
    const at = 'vit.encoder.layer.{layer}';
    const qkv = (part: string) => ['query', 'key', 'value'].map((name) => `${at}.attention.attention.${name}.${part}`);
    return finish(
      where,
      classes,
      {
        task: 'image-classification',
        embedding: { kind: 'patch', channels: c.num_channels, height, width, patch: c.patch_size, classToken: true },
        positions: { kind: 'learned' },
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: {
          heads: c.num_attention_heads,
          headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
          qkvBias: c.qkv_bias,
        },
        mlp: { width: c.intermediate_size, activation: activationOf(c.hidden_act, where) },
        norm: { kind: 'layer', epsilon: c.layer_norm_eps },
        pool: 'class',
        head: { outputs: classes.length },
      },
      {
        optionalPrefix: 'vit.',
        ignore: ['vit.pooler.*', 'pooler.*'],
        tensors: {
          'embedding.patch.weight': { from: 'vit.embeddings.patch_embeddings.projection.weight', reshape: true },
          'embedding.patch.bias': 'vit.embeddings.patch_embeddings.projection.bias',
          'embedding.class': 'vit.embeddings.cls_token',
          'embedding.position.weight': { from: 'vit.embeddings.position_embeddings', reshape: true },
          'layers.{layer}.attention.qkv.weight': { from: qkv('weight') },
          'layers.{layer}.attention.qkv.bias': { from: qkv('bias') },
          ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
          ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
          ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
          ...dense('layers.{layer}.norm1', `${at}.layernorm_before`),
          ...dense('layers.{layer}.norm2', `${at}.layernorm_after`),
          ...dense('norm', 'vit.layernorm'),
          ...dense('head', 'classifier'),
        },
      },
    );
  },
  bert(value, where) {
    const c = check(bertSchema, value, where);
    const classes = classNames(c, where);
    const at = 'bert.encoder.layer.{layer}';
    const qkv = (part: string) => ['query', 'key', 'value'].map((name) => `${at}.attention.self.${name}.${part}`);
    return finish(
      where,
      classes,
      {
        task: 'text-classification',
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: c.max_position_embeddings,
          segments: c.type_vocab_size,
          norm: true,
        },
        positions: { kind: 'learned' },
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: { heads: c.num_attention_heads, headWidth: headWidth(c.hidden_size, c.num_attention_heads, where) },
        mlp: { width: c.intermediate_size, activation: activationOf(c.hidden_act, where) },
        norm: { kind: 'layer', epsilon: c.layer_norm_eps },
        placement: 'post',
        finalNorm: false,
        pool: 'class',
        head: { outputs: classes.length, hidden: { width: c.hidden_size, activation: 'tanh' } },
      },
      {
        optionalPrefix: 'bert.',
        ignore: ['bert.embeddings.position_ids', 'cls.*'],
        tensors: {
          'embedding.token.weight': 'bert.embeddings.word_embeddings.weight',
          'embedding.segment.weight': 'bert.embeddings.token_type_embeddings.weight',
          'embedding.position.weight': 'bert.embeddings.position_embeddings.weight',
          ...dense('embedding.norm', 'bert.embeddings.LayerNorm'),
          'layers.{layer}.attention.qkv.weight': { from: qkv('weight') },
          'layers.{layer}.attention.qkv.bias': { from: qkv('bias') },
          ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
          ...dense('layers.{layer}.norm1', `${at}.attention.output.LayerNorm`),
          ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
          ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
          ...dense('layers.{layer}.norm2', `${at}.output.LayerNorm`),
          ...dense('head.hidden', 'bert.pooler.dense'),
          ...dense('head', 'classifier'),
        },
      },
    );
  },
  gpt2(value, where) {
    const c = check(gpt2Schema, value, where);
    const at = 'transformer.h.{layer}';
    const conv = (target: string, source: string): AdapterInput['tensors'] => ({
      [`${target}.weight`]: { from: `${source}.weight`, transpose: true },
      [`${target}.bias`]: `${source}.bias`,
    });
    return finish(
      where,
      undefined,
      {
        task: 'language-model',
        embedding: { kind: 'token', vocabulary: c.vocab_size, maxTokens: c.n_positions },
        positions: { kind: 'learned' },
        width: c.n_embd,
        layers: c.n_layer,
        attention: { heads: c.n_head, headWidth: headWidth(c.n_embd, c.n_head, where), causal: true },
        mlp: { width: c.n_inner ?? 4 * c.n_embd, activation: activationOf(c.activation_function, where) },
        norm: { kind: 'layer', epsilon: c.layer_norm_epsilon },
        pool: 'none',
        head: { outputs: c.vocab_size, tied: c.tie_word_embeddings, bias: false },
      },
      {
        optionalPrefix: 'transformer.',
        // Causal masks stored as buffers, and the copy of the embedding that some files keep for a tied head.
        ignore: ['*.attn.bias', '*.attn.masked_bias', ...(c.tie_word_embeddings ? ['lm_head.weight'] : [])],
        tensors: {
          'embedding.token.weight': 'transformer.wte.weight',
          'embedding.position.weight': 'transformer.wpe.weight',
          ...dense('layers.{layer}.norm1', `${at}.ln_1`),
          ...conv('layers.{layer}.attention.qkv', `${at}.attn.c_attn`),
          ...conv('layers.{layer}.attention.out', `${at}.attn.c_proj`),
          ...dense('layers.{layer}.norm2', `${at}.ln_2`),
          ...conv('layers.{layer}.mlp.up', `${at}.mlp.c_fc`),
          ...conv('layers.{layer}.mlp.down', `${at}.mlp.c_proj`),
          ...dense('norm', 'transformer.ln_f'),
          'head.weight': 'lm_head.weight',
        },
      },
    );
  },
  llama(value, where) {
    const c = check(llamaSchema, value, where);
    const at = 'model.layers.{layer}';
    return finish(
      where,
      undefined,
      {
        task: 'language-model',
        embedding: { kind: 'token', vocabulary: c.vocab_size, maxTokens: c.max_position_embeddings },
        positions: { kind: 'rotary', base: c.rope_theta, interleaved: false },
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: {
          heads: c.num_attention_heads,
          ...(c.num_key_value_heads ? { keyValueHeads: c.num_key_value_heads } : {}),
          headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
          causal: true,
          qkvBias: false,
          outBias: false,
        },
        mlp: { width: c.intermediate_size, kind: 'gated', activation: activationOf(c.hidden_act, where), bias: false },
        norm: { kind: 'rms', epsilon: c.rms_norm_eps },
        pool: 'none',
        head: { outputs: c.vocab_size, tied: c.tie_word_embeddings, bias: false },
      },
      {
        optionalPrefix: 'model.',
        ignore: ['*.rotary_emb.inv_freq', ...(c.tie_word_embeddings ? ['lm_head.weight'] : [])],
        tensors: {
          'embedding.token.weight': 'model.embed_tokens.weight',
          'layers.{layer}.norm1.weight': `${at}.input_layernorm.weight`,
          'layers.{layer}.attention.qkv.weight': {
            from: ['q', 'k', 'v'].map((name) => `${at}.self_attn.${name}_proj.weight`),
          },
          'layers.{layer}.attention.out.weight': `${at}.self_attn.o_proj.weight`,
          'layers.{layer}.norm2.weight': `${at}.post_attention_layernorm.weight`,
          'layers.{layer}.mlp.gate.weight': `${at}.mlp.gate_proj.weight`,
          'layers.{layer}.mlp.up.weight': `${at}.mlp.up_proj.weight`,
          'layers.{layer}.mlp.down.weight': `${at}.mlp.down_proj.weight`,
          'norm.weight': 'model.norm.weight',
          'head.weight': 'lm_head.weight',
        },
      },
    );
  },
};

function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new ConfigError(`${where}: ${problems(result.error, value)}`);
  return result.data;
}

function finish(
  where: string,
  classes: readonly string[] | undefined,
  config: ModelConfigInput,
  adapter: AdapterInput,
): ForeignLayout {
  return {
    config: parseModelConfig(config, where),
    adapter: adapterSchema.parse(adapter),
    ...(classes ? { classes } : {}),
  };
}

/** Interprets a Hugging Face config.json. @throws ConfigError for an architecture this package does not know */
export function huggingFaceLayout(value: unknown, where: string): ForeignLayout {
  const type = (value as { model_type?: unknown } | null)?.model_type;
  const layout = typeof type === 'string' && Object.hasOwn(layouts, type) ? layouts[type] : undefined;
  if (!layout) {
    throw new ConfigError(
      `${where}: unknown architecture ${shown(type ?? null)} (model_type). Known are ` +
        `${Object.keys(layouts).join(', ')}; other layouts of the same parts can be read with an adapter recipe.`,
    );
  }
  return layout(value, where);
}

import { ConfigError, checkPatches, patchGrid, patchSchema } from '@cipherformer/model';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';

/**
 * A transformer as a configuration of shared parts. ViT, BERT, GPT and Llama are values of this one type (see
 * presets.ts), and the conversion to polynomial form replaces parts (attention kind, activation, normalisation), for
 * the whole model or, through `overrides`, at one named place.
 */
/** Configurations come from strangers, too: what is made from one has to stay within memory. */
const size = z
  .int()
  .positive()
  .max(2 ** 24);
const few = z.int().positive().max(1024);

const functionNames = ['gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'silu', 'tanh', 'exp', 'identity'] as const;

export const polynomialSchema = z.strictObject({
  kind: z.literal('polynomial'),
  /** The interval the Chebyshev basis is scaled to. */
  low: z.number(),
  high: z.number(),
  /** Chebyshev coefficients, constant term first (not halved). They are stored as the buffer or parameter
   * "<site>.coefficients", which starts from these values. */
  coefficients: z.array(z.number()).min(2),
  trainable: z.boolean().default(false),
  /** Evaluate at clamp(x): a safety net while training; the value reported is always unclamped. */
  clamp: z.boolean().default(false),
});
export const activationSchema = z.union([z.enum(functionNames), polynomialSchema]);

export const normSchema = z.strictObject({
  /** layer: over features. rms: without mean. batch: per channel, running statistics at inference. frozen:
   * (x - mean) / R with a stored R ("<name>.denominator"), no division left at inference. frozen-rms: x / R. none:
   * nothing. */
  kind: z.enum(['layer', 'rms', 'batch', 'frozen', 'frozen-rms', 'none']),
  epsilon: z.number().positive().default(1e-5),
  /** Share of the old running statistics kept at every step (batch). */
  momentum: z.number().min(0).max(1).default(0.9),
});

export const attentionSchema = z.strictObject({
  /** softmax; pointwise: S(L) * act(QK^T * scale) * mask; uniform: the mean of the values (an ablation). */
  kind: z.enum(['softmax', 'pointwise', 'uniform']).default('softmax'),
  heads: few,
  /** Fewer key/value heads than query heads: grouped-query attention. */
  keyValueHeads: few.optional(),
  headWidth: size,
  /** Factor on QK^T; default 1/sqrt(headWidth). */
  scale: z.number().positive().optional(),
  causal: z.boolean().default(false),
  qkvBias: z.boolean().default(true),
  outBias: z.boolean().default(true),
  /** For pointwise attention, what the activation is of: the product q.k, or minus half the squared distance of q and k (with
   * "exp" the Gaussian kernel of Rho et al., ICLR 2025, whose exponent is never positive); either times the scale. */
  similarity: z.enum(['dot', 'distance']).default('dot'),
  /** For pointwise attention. */
  activation: activationSchema.default('gelu'),
  /** For pointwise attention: the factor S on the maps, by the length L, or (causal) by the
   * number of keys t + 1 that query t sees; default 1/sqrt(L). */
  scaling: z.enum(['none', '1/L', '1/sqrt(L)', '1/sqrt(t+1)']).optional(),
  /** For pointwise causal attention: the maps times learned weights [heads, distance], distance = query - key. */
  distanceWeights: z.boolean().default(false),
  /** For pointwise causal attention: learned offsets [heads, distance] before the activation. */
  distanceOffsets: z.boolean().default(false),
  /** For pointwise attention: a learned factor and offset per head before the activation. */
  affine: z.boolean().default(false),
  /** For pointwise attention: a BatchNorm over the attention maps, one channel a head, before the activation. */
  mapNorm: normSchema.optional(),
});

export const mlpSchema = z.strictObject({
  width: size,
  /** gated: down(act(gate(x)) * up(x)), as in Llama. */
  kind: z.enum(['plain', 'gated']).default('plain'),
  activation: activationSchema.default('gelu'),
  bias: z.boolean().default(true),
  /** One more normalisation between the first linear map and the activation. */
  norm: normSchema.optional(),
});

export const embeddingSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('patch'),
    ...patchSchema.shape,
    bias: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal('token'),
    vocabulary: size,
    /** Longest sequence (learned positions have this many rows). */
    maxTokens: size,
    /** BERT's token types; 0 for none. All tokens are of type 0. */
    segments: z.int().min(0).max(1024).default(0),
    norm: z.boolean().default(false),
  }),
]);

export const modelSchema = z.strictObject({
  task: z.enum(['image-classification', 'text-classification', 'language-model']),
  embedding: embeddingSchema,
  positions: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('learned') }),
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({
      kind: z.literal('rotary'),
      base: z.number().default(10000),
      interleaved: z.boolean().default(false),
    }),
  ]),
  width: size,
  layers: few,
  attention: attentionSchema,
  mlp: mlpSchema,
  norm: normSchema,
  placement: z.enum(['pre', 'post']).default('pre'),
  finalNorm: z.boolean().default(true),
  pool: z.enum(['class', 'mean', 'none']),
  head: z.strictObject({
    outputs: size,
    /** A hidden layer before the last (BERT's pooler with tanh; Linear-GELU-Linear). */
    hidden: z.strictObject({ width: size, activation: activationSchema }).optional(),
    /** A normalisation of the pooled vector. */
    norm: z.boolean().default(false),
    bias: z.boolean().default(true),
    /** The output weights are the token embedding. */
    tied: z.boolean().default(false),
  }),
  /** Parts replaced at one place, by name: "layers.3.mlp.activation", "layers.0.attention.activation". */
  overrides: z.record(z.string(), activationSchema).default({}),
  /** Kinds of normalisation replaced at one place: "layers.2.norm1". */
  normOverrides: z.record(z.string(), normSchema).default({}),
});

export type ActivationConfig = z.infer<typeof activationSchema>;
export type PolynomialConfig = z.infer<typeof polynomialSchema>;
export type NormConfig = z.infer<typeof normSchema>;
export type AttentionConfig = z.infer<typeof attentionSchema>;
export type EmbeddingConfig = z.infer<typeof embeddingSchema>;
export type PatchConfig = Extract<EmbeddingConfig, { kind: 'patch' }>;
export type ModelConfig = z.infer<typeof modelSchema>;
export type ModelConfigInput = z.input<typeof modelSchema>;

/** Checks a configuration (from a file or a recipe) and fills in defaults. `where` names the file for messages. */
export function parseModelConfig(value: unknown, where = 'model configuration'): ModelConfig {
  const result = modelSchema.safeParse(value);
  if (!result.success) throw new ConfigError(`${where}: ${problems(result.error, value)}`);
  const config = result.data;
  const fail = (message: string) => {
    throw new ConfigError(`${where}: ${message}`);
  };
  const groups = config.attention.keyValueHeads ?? config.attention.heads;
  if (config.attention.heads % groups !== 0)
    fail(`${config.attention.heads} heads do not divide into ${groups} groups.`);
  if (config.pool === 'class' && !(config.embedding.kind === 'token' || config.embedding.classToken)) {
    fail('pool "class" needs embedding.classToken.');
  }
  if (config.task === 'language-model' && (config.pool !== 'none' || !config.attention.causal)) {
    fail('a language model needs pool "none" and attention.causal.');
  }
  const { kind, causal, scaling, distanceWeights, distanceOffsets } = config.attention;
  const positional = [
    ...(scaling === '1/sqrt(t+1)' ? ['scaling 1/sqrt(t+1)'] : []),
    ...(distanceWeights ? ['distanceWeights'] : []),
    ...(distanceOffsets ? ['distanceOffsets'] : []),
  ];
  if (positional.length > 0 && !(kind === 'pointwise' && causal)) {
    fail(
      `${positional.join(', ')} is for pointwise causal attention: without a causal mask there is no product of ` +
        'constants that it could ride on. Leave it out.',
    );
  }
  if (config.task !== 'language-model' && config.pool === 'none') fail('a classifier needs pool "class" or "mean".');
  if ((config.embedding.kind === 'patch') !== (config.task === 'image-classification')) {
    fail(`the task ${config.task} does not go with a ${config.embedding.kind} embedding.`);
  }
  if (config.embedding.kind === 'patch') checkPatches(config.embedding, `${where}: embedding`);
  if (config.head.tied && (config.embedding.kind !== 'token' || config.head.outputs !== config.embedding.vocabulary)) {
    fail('a tied head needs a token embedding with as many entries as the head has outputs.');
  }
  return config;
}

/** The normalisation in force at a place: the one that replaces it there, else `choice`. */
export const normAt = (config: ModelConfig, name: string, choice: NormConfig = config.norm): NormConfig =>
  config.normOverrides[name] ?? choice;

/** The factor on the maps of pointwise attention over `tokens` tokens, at query t where that matters. */
export function mapScale({ scaling }: Pick<AttentionConfig, 'scaling'>, tokens: number, query = 0): number {
  if (scaling === 'none') return 1;
  if (scaling === '1/sqrt(t+1)') return 1 / Math.sqrt(query + 1);
  return scaling === '1/L' ? 1 / tokens : 1 / Math.sqrt(tokens);
}

/** Length of the token sequence the blocks see; `tokens` is the number of input tokens for text. */
export function sequenceLength(config: ModelConfig, tokens?: number): number {
  if (config.embedding.kind === 'token') return tokens ?? config.embedding.maxTokens;
  const { rows, columns } = patchGrid(config.embedding);
  return rows * columns + (config.embedding.classToken ? 1 : 0);
}

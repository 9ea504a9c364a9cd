import { type AnswerKind, answerKindOf, ConfigError, checkPatches, patchGrid, patchSchema } from '@cipherformer/model';
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

/** A learned number for each head and each difference of positions, added to the scores before the softmax. */
export const relativeSchema = z.intersection(
  z.discriminatedUnion('kind', [
    /** T5's buckets of distances, both directions. */
    z.object({ kind: z.literal('buckets'), buckets: few, maxDistance: few }),
    /** Differences of rows and columns in a grid, with three more rows for a class token before it. */
    z.object({ kind: z.literal('grid'), rows: few, columns: few, classToken: z.boolean() }),
  ]),
  /** One table for all layers, else one a layer. */
  z.object({ shared: z.boolean() }),
);

export const attentionSchema = z.strictObject({
  /** softmax; pointwise: S(L) * act(QK^T * scale) * mask; uniform: the mean of the values (an ablation). */
  kind: z.enum(['softmax', 'pointwise', 'uniform']).default('softmax'),
  heads: few,
  /** Fewer key/value heads than query heads: grouped-query attention. */
  keyValueHeads: few.optional(),
  headWidth: size,
  /** Factor on QK^T; default 1/sqrt(headWidth). */
  scale: z.number().positive().optional(),
  /** Divides that factor by the layer's number, counted from 1 (GPT-2's scale_attn_by_inverse_layer_idx). */
  scaleByLayer: z.boolean().optional(),
  /** A normalisation of the queries and keys of each head, before they are turned (Qwen3). */
  headNorm: normSchema.optional(),
  /** For causal attention, a number a layer: how many of the last keys, its own included, a query sees; 0 for all. */
  windows: z.array(z.int().min(0)).max(1024).optional(),
  relative: relativeSchema.optional(),
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

/** Of patches in order: windows are the stages' business. */
const { window: _, ...patchFields } = patchSchema.shape;

export const embeddingSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('patch'),
    ...patchFields,
    bias: z.boolean().default(true),
    /** Learned tokens after the class token (DeiT's for distillation, DINOv2's registers). */
    extraTokens: few.optional(),
    /** A normalisation of the patches before positions are added. */
    norm: z.boolean().optional(),
  }),
  z.strictObject({
    kind: z.literal('token'),
    vocabulary: size,
    /** Longest sequence (learned positions have this many rows). */
    maxTokens: size,
    /** BERT's token types; 0 for none. Where the types are not fed all tokens are of type 0. */
    segments: z.int().min(0).max(1024).default(0),
    norm: z.boolean().default(false),
    /** Width of the tables where a linear map brings it to the model's (ALBERT, ELECTRA). */
    width: size.optional(),
    /** Factor on the tokens' vectors (Gemma). */
    scale: z.number().positive().optional(),
    /** The token that fills up a text: a classifier that reads the last token reads the last that is none of these. */
    padding: z.int().min(0).optional(),
  }),
]);

const stagesSchema = z.strictObject({
  /** Side of a window of patches; every other block's are moved by half of it. */
  window: few,
  /** From stage to stage two by two patches merge and the width doubles. */
  blocks: z
    .array(z.strictObject({ layers: few, heads: few }))
    .min(1)
    .max(16),
});

export const modelSchema = z.strictObject({
  task: z.enum([
    'image-classification',
    'text-classification',
    'language-model',
    /** Classes for every token. */
    'token-classification',
    /** A vector for the whole input. */
    'text-embedding',
    'image-embedding',
  ]),
  embedding: embeddingSchema,
  positions: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('learned'),
      /** A token that has a position of its own and is left out where the others are counted (RoBERTa's padding). */
      padding: z.int().min(0).optional(),
    }),
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({
      kind: z.literal('rotary'),
      base: z.number().default(10000),
      interleaved: z.boolean().default(false),
      /** How many of a head's entries are turned, the first ones; default all. */
      width: size.optional(),
      /** Radians a token for each pair, where they are not base^(-2 i / width). */
      frequencies: z.array(z.number().positive()).min(1).max(4096).optional(),
      /** Factor on what has been turned (YaRN). */
      amplitude: z.number().positive().optional(),
    }),
  ]),
  width: size,
  layers: few,
  attention: attentionSchema,
  mlp: mlpSchema,
  norm: normSchema,
  /** parallel: attention and MLP both read the block's input, each through its norm, and are added to it together. */
  placement: z.enum(['pre', 'post', 'parallel']).default('pre'),
  finalNorm: z.boolean().default(true),
  /** Windows that are shifted, and patches that merge from stage to stage; `layers` counts all blocks (Swin). */
  stages: stagesSchema.optional(),
  /**
   * What the head reads: the first token, the mean of all that are real, each token; the last real token; the largest entries;
   * the mean of the patches alone, or with the class token before it; the first two tokens.
   */
  pool: z.enum(['class', 'mean', 'none', 'last', 'max', 'patch-mean', 'class-and-patch-mean', 'first-two']),
  head: z.strictObject({
    outputs: size,
    /** A hidden layer before the last (BERT's pooler with tanh; Linear-GELU-Linear). */
    hidden: z.strictObject({ width: size, activation: activationSchema, bias: z.boolean().optional() }).optional(),
    /** A normalisation of the pooled vector. */
    norm: z.boolean().default(false),
    bias: z.boolean().default(true),
    /** The output weights are the token embedding. */
    tied: z.boolean().default(false),
    /** No last linear map: the output is the vector as it is. */
    none: z.boolean().optional(),
    /** The output brought to length 1. */
    unit: z.boolean().optional(),
    /** What the outputs mean, where that is not one class of several. */
    problem: z.enum(['multi-label', 'regression']).optional(),
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
export type RelativeConfig = z.infer<typeof relativeSchema>;
type Stages = z.infer<typeof stagesSchema>;
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
  const first = config.pool === 'class' || config.pool === 'class-and-patch-mean' || config.pool === 'first-two';
  if (first && !(config.embedding.kind === 'token' || config.embedding.classToken)) {
    fail(`pool "${config.pool}" needs embedding.classToken.`);
  }
  if (/patch|two/.test(config.pool) && config.embedding.kind !== 'patch') fail(`pool "${config.pool}" is for images.`);
  if (config.pool === 'last' && !config.attention.causal) fail('pool "last" needs attention.causal.');
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
  if ((config.pool === 'none') !== (config.task === 'language-model' || config.task === 'token-classification'))
    fail(`the task ${config.task} does not go with pool "${config.pool}": classifiers need "class" or "mean".`);
  if ((config.embedding.kind === 'patch') !== config.task.startsWith('image-')) {
    fail(`the task ${config.task} does not go with a ${config.embedding.kind} embedding.`);
  }
  if (config.embedding.kind === 'patch') checkPatches(config.embedding, `${where}: embedding`);
  checkParts(config, fail);
  if (config.head.tied && (config.embedding.kind !== 'token' || config.head.outputs !== config.embedding.vocabulary)) {
    fail('a tied head needs a token embedding with as many entries as the head has outputs.');
  }
  return config;
}

/** What parts of few models need of the others. */
function checkParts(config: ModelConfig, fail: (message: string) => void): void {
  const { attention, positions, embedding, head } = config;
  if (attention.windows && (!attention.causal || attention.windows.length !== config.layers))
    fail(`attention.windows needs a causal mask and ${config.layers} entries, one a layer.`);
  if (positions.kind === 'rotary') {
    const turned = positions.width ?? attention.headWidth;
    if (turned % 2 !== 0 || turned > attention.headWidth)
      fail(`rotary positions turn pairs: ${turned} entries of a head of ${attention.headWidth} are none.`);
    if (positions.frequencies && positions.frequencies.length !== turned / 2)
      fail(`${positions.frequencies.length} frequencies are given for ${turned / 2} pairs.`);
  }
  if (embedding.kind === 'patch' && embedding.extraTokens && !embedding.classToken)
    fail('embedding.extraTokens follow a class token.');
  if (config.pool === 'first-two' && !(embedding.kind === 'patch' && embedding.extraTokens))
    fail('pool "first-two" needs embedding.extraTokens.');
  const width = head.hidden?.width ?? pooledWidth(config);
  if (head.none && head.outputs !== width) fail(`head.none gives ${width} outputs, not ${head.outputs}.`);
  const { relative } = attention;
  if (relative?.kind === 'grid' && relative.rows * relative.columns > mostPlaces)
    fail(
      `relative positions of ${relative.rows} x ${relative.columns} places are more than ${mostPlaces}: take larger patches.`,
    );
  if (config.stages) checkStages(config, config.stages, fail);
}

/** Offsets of all pairs of places are made at once. */
const mostPlaces = 4096;

function checkStages(config: ModelConfig, stages: Stages, fail: (message: string) => void): void {
  const { embedding, attention } = config;
  if (embedding.kind !== 'patch' || embedding.classToken || attention.causal || config.pool !== 'mean') {
    fail('stages need patches without a class token, no causal mask and pool "mean".');
    return;
  }
  if (stages.blocks.reduce((sum, { layers }) => sum + layers, 0) !== config.layers)
    fail(`the stages' layers do not sum to ${config.layers}.`);
  const { rows, columns } = patchGrid(embedding);
  // Which pairs of a window are neighbours is kept for every window.
  if (stages.window ** 2 > mostPlaces || rows * columns * stages.window ** 2 > mostPlaces ** 2) {
    fail(`windows of ${stages.window} in ${rows} x ${columns} patches have too many pairs: take smaller windows.`);
    return;
  }
  stages.blocks.forEach(({ heads }, i) => {
    for (const side of [rows / 2 ** i, columns / 2 ** i])
      if (!Number.isInteger(side) || side % stages.window !== 0)
        fail(`stage ${i} has ${side} patches a side, which windows of ${stages.window} do not fill.`);
    if ((config.width * 2 ** i) % heads !== 0)
      fail(`stage ${i}: a width of ${config.width * 2 ** i} does not divide into ${heads} heads.`);
  });
}

/** The stages of a model whose patches merge, each as a model of its width. */
export function patchStages(config: ModelConfig) {
  const { embedding, stages } = config;
  if (!stages || embedding.kind !== 'patch') return [];
  const { rows, columns } = patchGrid(embedding);
  const { window } = stages;
  return stages.blocks.map(({ layers, heads }, i) => {
    const width = config.width * 2 ** i;
    const relative = { kind: 'grid', rows: window, columns: window, classToken: false, shared: false } as const;
    const attention = { ...config.attention, heads, headWidth: width / heads, relative };
    const mlp = { ...config.mlp, width: config.mlp.width * 2 ** i };
    const stage: ModelConfig = { ...config, width, attention, mlp };
    return { config: stage, layers, window, grid: [rows / 2 ** i, columns / 2 ** i] as const };
  });
}

export type Stage = ReturnType<typeof patchStages>[number];

/** Tokens that attention sees from one of them: all, or those of its window. */
export const attendedTokens = (config: ModelConfig, tokens?: number): number =>
  config.stages ? config.stages.window ** 2 : sequenceLength(config, tokens);

export const answerKind = ({ task, head }: Pick<ModelConfig, 'task' | 'head'>): AnswerKind =>
  answerKindOf(task, head.problem);

/** In words, what a model answers with that does not choose one class, or the next token; undefined for those that do. */
export const otherAnswer = (config: Pick<ModelConfig, 'task' | 'head'>): string | undefined =>
  otherAnswers[answerKind(config)];

const otherAnswers: Readonly<Partial<Record<AnswerKind, string>>> = {
  'token-classes': 'a label for every token',
  labels: 'several labels at once',
  numbers: 'numbers',
  embedding: 'an embedding',
};

/** Width of what the head reads. */
export function pooledWidth(config: ModelConfig): number {
  const last = config.width * 2 ** ((config.stages?.blocks.length ?? 1) - 1);
  return config.pool === 'class-and-patch-mean' || config.pool === 'first-two' ? 2 * last : last;
}

/** The factor on QK^T of one layer, counted from 0. */
export function scoreScale({ scale, headWidth, scaleByLayer }: AttentionConfig, layer: number): number {
  const factor = scale ?? 1 / Math.sqrt(headWidth);
  return scaleByLayer ? factor / (layer + 1) : factor;
}

/** The normalisation in force at a place: the one that replaces it there, else `choice`. */
export const normAt = (config: ModelConfig, name: string, choice: NormConfig = config.norm): NormConfig =>
  config.normOverrides[name] ?? choice;

/**
 * Whether the client embeds before it encrypts: tokens always, and patches whose normalisation divides by what it sees, which the
 * client can. (Windows of flat and of busy pixels differ by orders in variance: one frozen denominator serves neither.)
 */
export function clientEmbeds(config: ModelConfig): boolean {
  const { embedding, positions } = config;
  if (embedding.kind === 'token') return true;
  const { kind } = normAt(config, 'embedding.norm');
  const divides = kind === 'layer' || kind === 'rms';
  return embedding.norm === true && divides && positions.kind === 'none' && !embedding.classToken;
}

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
  return rows * columns + leadingTokens(config.embedding);
}

/** Tokens before the patches. */
export const leadingTokens = ({ classToken, extraTokens = 0 }: PatchConfig): number =>
  (classToken ? 1 : 0) + extraTokens;

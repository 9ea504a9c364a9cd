import { type ModelConfig, type ModelConfigInput, parseModelConfig } from './config.ts';

/** Vision transformer (Dosovitskiy et al., 2021): pre-norm encoder over image patches. */
export function vitConfig(options: {
  readonly image: { readonly channels: number; readonly height: number; readonly width: number };
  readonly patch: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlpWidth: number;
  readonly classes: number;
  readonly pool: 'class' | 'mean';
}): ModelConfig {
  return parseModelConfig({
    task: 'image-classification',
    embedding: {
      kind: 'patch',
      ...options.image,
      patch: options.patch,
      ...(options.stride ? { stride: options.stride } : {}),
      padding: options.padding ?? 0,
      classToken: options.pool === 'class',
    },
    positions: { kind: 'learned' },
    width: options.width,
    layers: options.layers,
    attention: { heads: options.heads, headWidth: options.width / options.heads },
    mlp: { width: options.mlpWidth },
    norm: { kind: 'layer', epsilon: 1e-6 },
    pool: options.pool,
    head: { outputs: options.classes },
  } satisfies ModelConfigInput);
}

/** BERT-like encoder classifier (Devlin et al., 2019): post-norm, learned positions, pooled first token or mean. */
export function bertConfig(options: {
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlpWidth: number;
  readonly classes: number;
  readonly pool: 'class' | 'mean';
}): ModelConfig {
  return parseModelConfig({
    task: 'text-classification',
    embedding: {
      kind: 'token',
      vocabulary: options.vocabulary,
      maxTokens: options.maxTokens,
      norm: true,
    },
    positions: { kind: 'learned' },
    width: options.width,
    layers: options.layers,
    attention: { heads: options.heads, headWidth: options.width / options.heads },
    mlp: { width: options.mlpWidth },
    norm: { kind: 'layer', epsilon: 1e-12 },
    placement: 'post',
    finalNorm: false,
    pool: options.pool,
    head: { outputs: options.classes },
  } satisfies ModelConfigInput);
}

/** GPT-like decoder language model (Radford et al., 2019): pre-norm, causal, learned positions. */
export function gptConfig(options: {
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly mlpWidth: number;
  readonly tied: boolean;
}): ModelConfig {
  return parseModelConfig({
    task: 'language-model',
    embedding: { kind: 'token', vocabulary: options.vocabulary, maxTokens: options.maxTokens },
    positions: { kind: 'learned' },
    width: options.width,
    layers: options.layers,
    attention: { heads: options.heads, headWidth: options.width / options.heads, causal: true },
    mlp: { width: options.mlpWidth },
    norm: { kind: 'layer' },
    pool: 'none',
    head: { outputs: options.vocabulary, tied: options.tied, bias: false },
  } satisfies ModelConfigInput);
}

/** Llama-like decoder (Touvron et al., 2023): RMSNorm, rotary positions, gated SiLU, no biases. */
export function llamaConfig(options: {
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly mlpWidth: number;
  readonly epsilon: number;
  readonly rotaryBase: number;
  readonly interleaved: boolean;
  readonly tied: boolean;
}): ModelConfig {
  return parseModelConfig({
    task: 'language-model',
    embedding: { kind: 'token', vocabulary: options.vocabulary, maxTokens: options.maxTokens },
    positions: { kind: 'rotary', base: options.rotaryBase, interleaved: options.interleaved },
    width: options.width,
    layers: options.layers,
    attention: {
      heads: options.heads,
      keyValueHeads: options.keyValueHeads,
      headWidth: options.width / options.heads,
      causal: true,
      qkvBias: false,
      outBias: false,
    },
    mlp: { width: options.mlpWidth, kind: 'gated', activation: 'silu', bias: false },
    norm: { kind: 'rms', epsilon: options.epsilon },
    pool: 'none',
    head: { outputs: options.vocabulary, tied: options.tied, bias: false },
  } satisfies ModelConfigInput);
}

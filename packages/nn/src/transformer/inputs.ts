import { ConfigError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import type { Builder } from './builder.ts';
import type { ModelConfig } from './config.ts';

export interface ModelInputs {
  /** [batch, channels * height * width] for images. */
  readonly images?: Tensor;
  /** int64 [batch, tokens] for text. */
  readonly ids?: Tensor;
  /** float32 [batch, tokens], 1 for real tokens, for padded text. */
  readonly mask?: Tensor;
  /** int64 [batch, tokens], the type of each token, for pairs of texts. */
  readonly segments?: Tensor;
}

/**
 * Declares the inputs a model takes: "images", or "ids" and (but for language models) "mask"; with `segments` also the tokens'
 * types, "segments".
 * @throws ConfigError for more tokens than the model has positions, or for types where it has none
 */
export function declareInputs(builder: Builder, config: ModelConfig, tokens?: number, segments = false): ModelInputs {
  const { program, batch } = builder;
  const { embedding } = config;
  if (embedding.kind === 'patch') {
    return { images: program.input('images', [batch, embedding.channels * embedding.height * embedding.width]) };
  }
  const length = tokens ?? embedding.maxTokens;
  if (config.positions.kind === 'learned' && length > embedding.maxTokens) {
    throw new ConfigError(
      `A sequence of ${length} tokens is longer than the model's ${embedding.maxTokens} positions.`,
    );
  }
  const ids = program.input('ids', [batch, length], 'int64');
  if (segments && embedding.segments === 0)
    throw new ConfigError('The model has no token types: leave "segments" out.');
  return {
    ids,
    ...(config.task === 'language-model' ? {} : { mask: program.input('mask', [batch, length]) }),
    ...(segments ? { segments: program.input('segments', [batch, length], 'int64') } : {}),
  };
}

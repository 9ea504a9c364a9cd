import type { PolynomialModel } from '@cipherformer/model';
import { UnsupportedPartError } from '../errors.ts';
import type { ModelConfig } from '../transformer/config.ts';

/**
 * Whether a model's parts have a polynomial form here: what can be loaded and evaluated in clear is more than what can be
 * converted.
 * @throws UnsupportedPartError naming the part
 */
export function checkSupported(config: ModelConfig): PolynomialModel['task'] {
  const { task, embedding, positions, attention, pool, placement } = config;
  const refuse = (part: string, what: string): never => {
    throw new UnsupportedPartError(
      part,
      `${what} cannot be converted to polynomial form in this release; the model can be evaluated in clear.`,
    );
  };
  if (placement === 'parallel') refuse('placement', 'attention and MLP side by side');
  if (positions.kind === 'rotary' && positions.width) refuse('positions', 'rotary positions on a part of each head');
  if (attention.relative && attention.causal)
    refuse('attention.relative', 'offsets by relative position under a causal mask');
  if (attention.windows?.some((window) => window > 0)) refuse('attention.windows', 'attention to the last keys alone');
  if (attention.headNorm) refuse('attention.headNorm', 'a normalisation of queries and keys');
  if (attention.scaleByLayer) refuse('attention.scaleByLayer', 'a scale of scores by the number of the layer');
  if (attention.causal && task !== 'language-model') refuse('attention.causal', 'a causal mask in a classifier');
  if (embedding.kind === 'token' && embedding.width) refuse('embedding.width', 'tables narrower than the model');
  if (embedding.kind === 'token' && embedding.scale) refuse('embedding.scale', 'a factor on the vectors of tokens');
  if (embedding.kind === 'patch' && embedding.norm && embedding.classToken)
    refuse('embedding.norm', 'a normalisation of patches beside a class token');
  if (embedding.kind === 'patch' && embedding.extraTokens)
    refuse('embedding.extraTokens', 'learned tokens after the class token');
  if (pool !== 'class' && pool !== 'mean' && pool !== 'none') refuse('pool', `the head's pool "${pool}"`);
  switch (task) {
    case 'image-embedding':
      return refuse('task', 'an embedding of images');
    default:
      return task;
  }
}

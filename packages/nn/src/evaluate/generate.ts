import { DataError, type Weights } from '@cipherformer/model';
import type { ModelConfig } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';
import { mostLikely } from './metrics.ts';

/**
 * Continues `prompt` by `count` tokens, each the most probable one. Shapes are static, so every step runs the whole
 * sequence at its final length; causal masking makes what stands after the current token irrelevant.
 */
export async function generateGreedy(
  config: ModelConfig,
  weights: Weights,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const tokens = prompt.length + count;
  if (config.task !== 'language-model') throw new DataError('Only a language model continues a text.');
  if (prompt.length === 0) throw new DataError('The prompt is empty; a language model needs a first token.');
  const model = await InferenceModel.create(config, weights, { batch: 1, tokens });
  const outputs = config.head.outputs;
  const ids = new BigInt64Array(tokens);
  const sequence = [...prompt];
  try {
    while (sequence.length < tokens) {
      sequence.forEach((id, t) => {
        ids[t] = BigInt(id);
      });
      const { logits } = await model.run({ ids });
      const last = logits!.subarray((sequence.length - 1) * outputs, sequence.length * outputs);
      sequence.push(mostLikely(last));
    }
  } finally {
    await model.close();
  }
  return sequence;
}

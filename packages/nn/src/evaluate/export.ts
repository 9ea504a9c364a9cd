import type { Weights } from '@cipherformer/model';
import { toOnnx } from '../onnx/onnx.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { buildInference } from './inference.ts';

/**
 * The model as a self-contained ONNX file with standard operators only (opset 20) and static shapes: inputs "images"
 * [batch, values], or "ids" [batch, tokens] (int64) and, for classifiers, "mask" [batch, tokens]; output "logits".
 */
export function exportOnnx(
  config: ModelConfig,
  weights: Weights,
  options: { readonly batch: number; readonly tokens?: number },
): Uint8Array {
  const { program, graph } = buildInference(config, { ...options, dialect: 'onnx' });
  const bake = new Map([...weights].map(([name, { data }]) => [name, data]));
  return toOnnx(program, { logits: graph.logits }, { bake });
}

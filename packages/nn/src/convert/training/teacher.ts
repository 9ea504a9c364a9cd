import type { Weights } from '@cipherformer/model';
import type { Feeds } from '../../onnx/session.ts';
import type { LossContext } from '../../train/build-step.ts';
import { Builder } from '../../transformer/builder.ts';
import type { ModelConfig } from '../../transformer/config.ts';
import { buildModel, type ModelGraph } from '../../transformer/transformer.ts';

const prefix = 'teacher.';

/**
 * The original model, built in evaluation mode inside the program of a training step, on the same inputs as the model
 * that learns from it. Its weights are inputs of the program ("teacher.<name>"), so no gradient flows into it.
 */
export function buildTeacher(context: LossContext, config: ModelConfig): ModelGraph {
  const builder = new Builder({ program: context.program, mode: 'evaluate', batch: context.builder.batch, prefix });
  return context.program.scope('teacher', () => buildModel(builder, config, context.inputs));
}

/** The teacher's weights as the inputs that `buildTeacher` declares; the arrays are not copied. */
export function teacherFeeds(weights: Weights): Feeds {
  return Object.fromEntries([...weights].map(([name, { data }]) => [prefix + name, data]));
}

import { ConfigError } from '@cipherformer/model';
import * as ops from '../ops/index.ts';
import type { ModelConfig } from '../transformer/config.ts';
import type { Losses } from './build-step.ts';

/**
 * The loss of the model's task, in nats: cross-entropy against "targets" - probabilities [batch, outputs] for a
 * classifier (so that mixed and smoothed labels are the data's business), int64 token numbers [batch, tokens] for a
 * language model.
 */
export function taskLoss(config: ModelConfig, labelSmoothing = 0): Losses {
  const outputs = config.head.outputs;
  return ({ program, graph, builder }) => {
    const { logits } = graph;
    if (config.task !== 'language-model') {
      const targets = program.input('targets', [builder.batch, outputs]);
      return [{ name: 'task', tensor: ops.crossEntropy(logits, targets) }];
    }
    const [batch, tokens] = logits.shape as [number, number, number];
    const targets = program.input('targets', [batch * tokens], 'int64');
    const rows = ops.reshape(logits, [batch * tokens, outputs]);
    return [{ name: 'task', tensor: ops.crossEntropy(rows, ops.oneHot(targets, outputs, labelSmoothing)) }];
  };
}

/** Several sets of terms as one; names must differ. */
export function combineLosses(...parts: readonly Losses[]): Losses {
  return (context) => {
    const terms = parts.flatMap((part) => part(context));
    const names = terms.map((term) => term.name);
    if (new Set(names).size !== names.length) {
      throw new ConfigError(`Loss terms must have different names, got ${names.join(', ')}.`);
    }
    return terms;
  };
}

/** Distillation from logits fed as "teacher.logits" [rows, outputs] at a temperature; a term named "distillation". */
export function distillationLoss(config: ModelConfig, temperature: number): Losses {
  return ({ program, graph }) => {
    const outputs = config.head.outputs;
    const rows = graph.logits.shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const teacher = program.input('teacher.logits', [rows, outputs]);
    const student = ops.reshape(graph.logits, [rows, outputs]);
    return [{ name: 'distillation', tensor: ops.distillation(student, teacher, temperature) }];
  };
}

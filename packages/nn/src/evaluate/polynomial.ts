import {
  answerKindOf,
  ConfigError,
  everyToken,
  type ModelInput,
  PolynomialEvaluator,
  type PolynomialModel,
  prepareInput,
  untrustedExamples,
  type ValueRecord,
  ValueRecorder,
  valueShapes,
} from '@cipherformer/model';
import type { Split } from '../data/splits.ts';
import type { Feeds } from '../onnx/session.ts';
import { type BatchRunner, type EvaluationResult, evaluateClassification, evaluateLanguage } from './metrics.ts';
import { checkOutputs, type EvaluateOptions } from './model.ts';

export interface PolynomialEvaluation {
  readonly result: EvaluationResult;
  readonly values: ValueRecord;
  /** Examples (windows of a language model) in which a polynomial saw a value outside its interval. */
  readonly untrusted: number;
}

/**
 * Evaluates a polynomial model on one part of a data set, in clear: the figures of `evaluateModel`, and what left the
 * polynomials' intervals. A language model is scored in windows of the graph's own length.
 * @throws ConfigError where the two have other numbers of outputs, or the model does not choose one of them
 */
export async function evaluatePolynomialModel(
  model: PolynomialModel,
  split: Split,
  options: Pick<EvaluateOptions, 'limit' | 'stride' | 'progress'> = {},
): Promise<PolynomialEvaluation> {
  const { graph } = model;
  const kind = answerKindOf(model.task, model.problem);
  if (kind !== 'class' && kind !== 'next-token')
    throw new ConfigError(
      `The model answers with ${kind}: evaluated are models that choose a class or the next token; its conversion's record has how near it is to its original.`,
    );
  checkOutputs(valueShapes(graph)[graph.output]!.columns, split);
  const { runner, recorder } = polynomialRunner(model);
  const result =
    split.kind === 'classification'
      ? await evaluateClassification(runner, split, options)
      : await evaluateLanguage(runner, split, {
          tokens: graph.tokens,
          stride: options.stride ?? Math.max(1, Math.floor(graph.tokens / 2)),
          ...(options.limit === undefined ? {} : { limitWindows: options.limit }),
          ...(options.progress ? { progress: options.progress } : {}),
        });
  const values = recorder.record();
  return { result, values, untrusted: untrustedExamples(values) };
}

/** A polynomial model as something that runs feeds of a data set, one example at a time, every value watched. */
export function polynomialRunner(model: PolynomialModel): { runner: BatchRunner; recorder: ValueRecorder } {
  const scoring = model.task === 'language-model';
  const graph = scoring ? everyToken(model.graph) : model.graph;
  const evaluator = new PolynomialEvaluator(graph);
  const recorder = new ValueRecorder(graph);
  const run = async (feeds: Feeds): Promise<Readonly<Record<string, Float32Array>>> => {
    // The event loop turns between examples, so that Ctrl-C is heard.
    await new Promise((resolve) => setImmediate(resolve));
    const inputs = prepareInput(model, inputOf(feeds));
    const logits = evaluator.run(inputs, recorder.nextExample());
    return scoring ? { nats: nats(logits, feeds.targets as BigInt64Array) } : { logits: Float32Array.from(logits) };
  };
  return { runner: { batch: 1, run }, recorder };
}

/** One example of a data set (feeds of one) as a person would give it. */
export function inputOf({ images, ids, mask }: Feeds): ModelInput {
  if (images) return { image: images as Float32Array };
  const numbers = Array.from(ids as BigInt64Array, Number);
  // Padding is at the end; prepareInput adds its own.
  return { ids: mask ? numbers.filter((_, t) => Number(mask[t]) > 0) : numbers };
}

/** -log softmax(row)[target] for each row of the logits. */
function nats(logits: Float64Array, targets: BigInt64Array): Float32Array {
  const width = logits.length / targets.length;
  return Float32Array.from(targets, (target, t) => {
    const row = logits.subarray(t * width, (t + 1) * width);
    const top = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((sum, value) => sum + Math.exp(value - top), 0);
    return Math.log(total) + top - row[Number(target)]!;
  });
}

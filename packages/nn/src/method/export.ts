import type { EvaluationSet } from '../data/sets.ts';
import { feedsAt } from '../data/windows.ts';
import { NnError } from '../errors.ts';
import { InferenceModel } from '../evaluate/inference.ts';
import type { Model } from '../files/model-folder.ts';
import type { Feeds } from '../graph/session.ts';
import type { GraphInputs } from '../polynomial/evaluate.ts';
import { savePolynomialModel } from '../polynomial/folder.ts';
import {
  calibrate,
  evaluate,
  type ModelCard,
  makePolynomialModel,
  type PolynomialModel,
  recordValues,
  withBounds,
} from '../polynomial/index.ts';
import { modelLevels } from '../polynomial/levels.ts';
import { type ModelInput, prepareInput } from '../polynomial/prepare-input.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { calibrationCount } from './calibrate.ts';
import type { Conversion } from './conversion.ts';

/** Factor between the largest values seen and the bounds that the compiler scales by. */
const boundMargin = 1.5;
/** Examples that bounds are taken from, and on which both forms of the model are compared. */
const boundExamples = 256;
const comparedExamples = 8;
/** Largest difference of logits that float32 explains, relative to the largest logit. */
const agreement = 1e-3;

/** What became of the model as a graph. */
export interface ExportRecord {
  /** Levels of the whole graph and of its parts. */
  readonly levels: ReturnType<typeof modelLevels>;
  /** Largest difference between the graph's logits and the trained model's. */
  readonly logitDifference: number;
}

/**
 * Writes the finished model as a polynomial model folder: lowered, with bounds from training examples, and compared with
 * the trained form. @throws NnError where the two do not agree
 */
export async function exportPolynomial(
  { data, recipe, threads }: Conversion,
  model: Model,
  folder: string,
  card: ModelCard,
  tokenizer?: Tokenizer,
): Promise<ExportRecord> {
  const { normalise, classes } = model.preprocess;
  const padding = tokenizer?.id('[PAD]');
  const lowered = makePolynomialModel(
    {
      config: model.config,
      weights: model.weights,
      ...(normalise ? { normalise } : {}),
      ...(classes ? { classes } : {}),
      ...(tokenizer ? { tokenizer: tokenizer.files } : {}),
      ...(padding === undefined ? {} : { padding }),
      card: { ...card, margin: boundMargin },
    },
    data.tokens ? { tokens: data.tokens } : {},
  );
  const set = data.evaluation('train');
  const count = calibrationCount(set, { limit: Math.min(recipe.calibration, boundExamples), ...tokensOf(data.tokens) });
  const inputs = graphInputs(lowered, set, count, data.tokens ?? 0);
  // An example that leaves an interval says nothing about usual values, and its own are often huge.
  const record = recordValues(lowered.graph, inputs);
  const usual = inputs.filter((_, i) => record.sites.every(({ outside }) => outside[i] === 0));
  const graph =
    usual.length === inputs.length
      ? withBounds(lowered.graph, record, boundMargin)
      : calibrate(lowered.graph, usual, boundMargin);
  const result: PolynomialModel = { ...lowered, graph };
  const logitDifference = await compare(
    result,
    model,
    set,
    inputs.slice(0, comparedExamples),
    data.tokens ?? 0,
    threads,
  );
  savePolynomialModel(folder, result);
  return { levels: modelLevels(result.graph), logitDifference };
}

const tokensOf = (tokens: number | undefined) => (tokens ? { tokens } : {});

/** The inputs of the graph for the first examples of a set. */
function graphInputs(model: PolynomialModel, set: EvaluationSet, count: number, tokens: number): GraphInputs[] {
  return Array.from({ length: count }, (_, i) => prepareInput(model, rawInput(feedsAt(set, i, 1, tokens))));
}

/** One example as a person would give it: an image, or token numbers without padding. */
function rawInput(feeds: Feeds): ModelInput {
  if (feeds.images) return { image: feeds.images as Float32Array };
  const mask = feeds.mask as Float32Array | undefined;
  const ids = [...(feeds.ids as BigInt64Array)].map(Number);
  return { ids: mask ? ids.filter((_, t) => mask[t] === 1) : ids };
}

async function compare(
  lowered: PolynomialModel,
  model: Model,
  set: EvaluationSet,
  inputs: readonly GraphInputs[],
  tokens: number,
  threads: number,
): Promise<number> {
  const batch = inputs.length;
  const inference = await InferenceModel.create(model.config, model.weights, {
    batch,
    threads,
    ...tokensOf(tokens || undefined),
  });
  try {
    const { logits } = await inference.run(feedsAt(set, 0, batch, tokens));
    const perExample = logits!.length / batch;
    let worst = 0;
    let largest = 0;
    inputs.forEach((example, i) => {
      const made = evaluate(lowered.graph, example);
      // A language model has logits at every token; the graph gives those of the last.
      const from = (i + 1) * perExample - made.length;
      made.forEach((value, c) => {
        worst = Math.max(worst, Math.abs(value - logits![from + c]!));
        largest = Math.max(largest, Math.abs(logits![from + c]!));
      });
    });
    if (!(worst <= agreement * Math.max(1, largest))) {
      throw new NnError(
        `The polynomial graph's logits differ from the trained model's by ${worst} (largest logit ${largest}): ` +
          'a part was lowered wrongly, or the model is too sensitive for float32.',
      );
    }
    return worst;
  } finally {
    await inference.close();
  }
}

import {
  calibrate,
  evaluate,
  type ModelCard,
  modelLevels,
  type PolynomialModel,
  prepareInput,
  type Tokenizer,
} from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import type { Model } from '../../checkpoints/model-folder.ts';
import { feedsAt } from '../../data/windows.ts';
import { CalibrationError, LoweringError } from '../../errors.ts';
import { unitVector } from '../../evaluate/embeddings.ts';
import type { SiteExtremes } from '../../evaluate/extremes.ts';
import { InferenceModel } from '../../evaluate/inference.ts';
import { inputOf } from '../../evaluate/polynomial.ts';
import { makePolynomialModel } from '../../lower/make-model.ts';
import type { Feeds } from '../../onnx/session.ts';
import { calibrationCount } from '../substitution/calibrate.ts';
import { polynomialsOf, staysInside } from '../substitution/substitute.ts';
import { type Conversion, extremesOf, extremesOn, oddOn } from '../training/conversion.ts';

/** Factor between the largest values seen and the bounds that the compiler scales by. */
const boundMargin = 1.5;
/** Examples that bounds are taken from, and on which both forms of the model are compared. */
const boundExamples = 256;
const boundOddExamples = 60;
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
 * the trained form. @throws LoweringError where the two do not agree
 */
export async function exportPolynomial(
  conversion: Conversion,
  model: Model,
  folder: string,
  card: ModelCard,
  { tokenizer, half }: { readonly tokenizer: Tokenizer | undefined; readonly half: boolean },
): Promise<ExportRecord> {
  const { data } = conversion;
  const { normalise, picture, classes } = model.preprocess;
  const padding = tokenizer?.padding;
  const lowered = makePolynomialModel(
    {
      config: model.config,
      weights: model.weights,
      ...(normalise ? { normalise } : {}),
      ...(picture ? { picture } : {}),
      // Data without labels names none.
      ...(classes?.length ? { classes } : {}),
      ...(tokenizer ? { tokenizer: tokenizer.files } : {}),
      ...(padding === undefined ? {} : { padding }),
      card: { ...card, margin: boundMargin },
    },
    data.tokens ? { tokens: data.tokens } : {},
  );
  const set = data.train;
  const usual = await usualExamples(conversion, model);
  const odd = await oddExamples(conversion, model);
  const inputs = [...usual.map((i) => feedsAt(set, i, 1, data.tokens ?? 0)), ...odd].map((feeds) =>
    prepareInput(lowered, inputOf(feeds)),
  );
  const result: PolynomialModel = { ...lowered, graph: calibrate(lowered.graph, inputs, boundMargin) };
  const logitDifference = await compare(conversion, result, model, usual.slice(0, comparedExamples));
  savePolynomialModel(folder, result, half ? 'F16' : 'F32');
  return { levels: modelLevels(result.graph), logitDifference };
}

const tokensOf = (tokens: number | undefined) => (tokens ? { tokens } : {});

/**
 * Numbers of training examples that stay inside every interval: one that leaves says nothing about usual values, and
 * its own are often huge.
 */
async function usualExamples(conversion: Conversion, model: Model): Promise<number[]> {
  const { data, recipe } = conversion;
  const limit = Math.min(recipe.calibration, boundExamples);
  const count = calibrationCount(data.train, { limit, ...tokensOf(data.tokens) });
  const usual = insideAll(model, count, await extremesOn(conversion, model, 'train', count));
  if (usual.length < count / 2) {
    throw new CalibrationError(
      `Only ${usual.length} of ${count} training examples stay inside the polynomials' intervals: train the last stage ` +
        'longer, or with a larger margin or losses.range.',
    );
  }
  return usual;
}

/** Odd inputs that stay inside every interval, where the recipe trains on such. */
async function oddExamples(conversion: Conversion, model: Model): Promise<readonly Feeds[]> {
  const { data } = conversion;
  const odd = oddOn(conversion, 'train', boundOddExamples);
  if (!odd) return [];
  const count = odd.forms.length;
  const inside = insideAll(model, count, await extremesOf(conversion, model, odd.set, count));
  return inside.map((i) => feedsAt(odd.set, i, 1, data.tokens ?? 0));
}

/** Numbers of the examples that stay inside every interval. */
function insideAll(model: Model, count: number, seen: readonly SiteExtremes[]): number[] {
  const polynomials = polynomialsOf(model);
  return Array.from({ length: count }, (_, i) => i).filter((i) =>
    seen.every((site) => staysInside(polynomials.get(site.name), site, i)),
  );
}

/** Largest difference of logits between the two forms, each example by itself. */
async function compare(
  { data, threads }: Conversion,
  lowered: PolynomialModel,
  model: Model,
  examples: readonly number[],
): Promise<number> {
  const tokens = data.tokens ?? 0;
  const set = data.train;
  const inference = await InferenceModel.create(model.config, model.weights, {
    batch: 1,
    threads,
    ...tokensOf(data.tokens),
  });
  try {
    let worst = 0;
    let largest = 0;
    for (const example of examples) {
      const feeds = feedsAt(set, example, 1, tokens);
      const given = evaluate(lowered.graph, prepareInput(lowered, inputOf(feeds)));
      // The reader of an embedding brings it to length 1.
      const made = model.config.head.unit ? unitVector(given) : given;
      const { logits } = await inference.run(feeds);
      // A language model has logits at every token; the graph gives those of the last.
      const from = logits!.length - made.length;
      made.forEach((value, c) => {
        worst = Math.max(worst, Math.abs(value - logits![from + c]!));
        largest = Math.max(largest, Math.abs(logits![from + c]!));
      });
    }
    if (!(worst <= agreement * Math.max(1, largest))) {
      throw new LoweringError(
        `The polynomial graph's logits differ from the trained model's by ${worst} (largest logit ${largest}): ` +
          'a part was lowered wrongly, or the model is too sensitive for float32.',
      );
    }
    return worst;
  } finally {
    await inference.close();
  }
}

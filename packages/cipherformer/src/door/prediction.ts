import type { ModelInput, Tokenizer } from '@cipherformer/model';
import { PrivateAnswer } from '@cipherformer/runtime/client';
import { type InputOptions, type Inputs, listOf } from '../input/input.ts';
import { readInputs } from '../input/read-input.ts';
import type { InputForm, Seen } from '../input/seen.ts';
import { type Label, type Result, rankLabels } from './answer.ts';

/** What is asked of a model in clear, and what of its answer is told. */
export interface PredictOptions extends InputOptions {
  /** Most labels of an answer. Default: all. */
  readonly top?: number;
  /** The values of images as the model took them, too, not their shape alone. */
  readonly pixels?: boolean;
}

/** Logits [outputs]; a row a token where the head is one for tokens. */
export type Logits = readonly number[] | readonly (readonly number[])[];

/** What a model in clear saw of one input, and what it says of it: all fields. */
export type Prediction<L extends Logits = Logits> = Omit<Result, 'logits'> & { readonly logits?: L };

/** Predictions in the order of the inputs. */
export interface Predictions<L extends Logits = Logits> {
  readonly results: readonly Prediction<L>[];
}

/** A model in clear as it is asked, trained or polynomial. */
export interface Asked<L extends Logits> {
  readonly form: InputForm;
  /** Names of the outputs, where they have names. */
  readonly classes?: readonly string[] | undefined;
  /** Outputs are token numbers, what comes next. */
  readonly isLanguage: boolean;
  /** Each output is a class of its own: several may hold. */
  readonly isMultiLabel?: boolean;
  /** Outputs are no classes, but a place in a space. */
  readonly isEmbedding?: boolean;
  /** `inRange`: of polynomial models. @throws DataError for what is no input of the model */
  say(seen: Seen, given: ModelInput): Promise<{ readonly logits: L; readonly inRange?: boolean }>;
}

/** Asks a model about inputs, all of which are read before the first is asked. @throws as readInputs */
export async function predictAll<L extends Logits>(
  model: Asked<L>,
  inputs: Inputs,
  options: PredictOptions = {},
): Promise<Predictions<L>> {
  const results: Prediction<L>[] = [];
  for (const { seen, given } of await readInputs(listOf(inputs), model.form, options)) {
    const { logits, inRange } = await model.say(seen, given);
    results.push({
      ...('ids' in seen ? { ids: seen.ids } : { pixels: pixelsOf(seen, options.pixels) }),
      ...(inRange === undefined ? {} : { inRange }),
      ...(inRange === false ? { reason: 'a value left the interval of a polynomial' } : {}),
      ...(model.isEmbedding
        ? { embedding: isRows(logits) ? logits.flat() : (logits as readonly number[]) }
        : { labels: inRange === false ? [] : labelsOf(model, logits, options.top), logits }),
    });
  }
  return { results };
}

const isRows = (logits: Logits): logits is readonly (readonly number[])[] => Array.isArray(logits[0]);

/** The most likely first; of a head for tokens the best of each token. */
function labelsOf<L extends Logits>(model: Asked<L>, logits: Logits, top: number | undefined): Label[] {
  const names = namesOf(model);
  const rank = (row: readonly number[], most = row.length): Label[] =>
    rankLabels(model.isMultiLabel ? row.map(sigmoid) : scoresOf(row), undefined, most).map(({ label, score }) => ({
      label: names(Number(label)),
      score,
    }));
  return isRows(logits) ? logits.flatMap((row) => rank(row, 1)) : rank(logits as readonly number[], top);
}

/** Names of outputs; those of a language model are tokens as they would be written. */
function namesOf<L extends Logits>({ classes, form, isLanguage }: Asked<L>): (output: number) => string {
  const tokenizer: Tokenizer | undefined = isLanguage && form.kind === 'text' ? form.tokenizer : undefined;
  return (k) => classes?.[k] ?? tokenizer?.decode([k]) ?? `${k}`;
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));

/** As the client of an encrypted program makes them. */
const scoresOf = (row: readonly number[]) => new PrivateAnswer({ logits: Float64Array.from(row) }).reveal().scores;

/** float32, little-endian. */
function pixelsOf({ image, shape }: Extract<Seen, { image: unknown }>, withValues = false) {
  if (!withValues) return { shape };
  const bytes = Buffer.alloc(4 * image.length);
  for (const [i, value] of image.entries()) bytes.writeFloatLE(value, 4 * i);
  return { shape, base64: bytes.toString('base64') };
}

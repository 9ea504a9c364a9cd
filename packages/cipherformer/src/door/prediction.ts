import type { AnswerKind, ModelInput, Tokenizer } from '@cipherformer/model';
import { PrivateAnswer } from '@cipherformer/runtime/client';
import { type InputOptions, type Inputs, listOf } from '../input/input.ts';
import { readInputs } from '../input/read-input.ts';
import { type InputForm, type Seen, tokensSeen } from '../input/seen.ts';
import { type Label, type Result, readLabels, withTokens } from './answer.ts';

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
  /** What the outputs are. */
  readonly kind: AnswerKind;
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
      ...(model.kind === 'embedding'
        ? { embedding: isRows(logits) ? logits.flat() : (logits as readonly number[]) }
        : { labels: inRange === false ? [] : labelsOf(model, seen, logits, options.top), logits }),
    });
  }
  return { results };
}

const isRows = (logits: Logits): logits is readonly (readonly number[])[] => Array.isArray(logits[0]);

/** What logits say: see `Label`. */
function labelsOf<L extends Logits>(model: Asked<L>, seen: Seen, logits: Logits, top: number | undefined): Label[] {
  const names = namesOf(model);
  const named = (labels: readonly Label[]) => labels.map((one) => ({ ...one, label: names(Number(one.label)) }));
  const { kind, form } = model;
  if (kind !== 'token-classes')
    return named(readLabels(kind, scoresOf(kind, logits as readonly number[]), undefined, top));
  const tokens = tokensSeen(seen, form);
  const rows = isRows(logits) ? logits : rowsOf(logits as readonly number[], tokens.length);
  return withTokens(named(rows.flatMap((row) => readLabels(kind, scoresOf('class', row), undefined, 1))), tokens);
}

const rowsOf = (logits: readonly number[], rows: number): (readonly number[])[] => {
  const outputs = logits.length / rows;
  return Array.from({ length: rows }, (_, t) => logits.slice(t * outputs, (t + 1) * outputs));
};

/** Names of outputs; those of a language model are tokens as they would be written. */
function namesOf<L extends Logits>({ classes, form, kind }: Asked<L>): (output: number) => string {
  const tokenizer: Tokenizer | undefined = kind === 'next-token' && form.kind === 'text' ? form.tokenizer : undefined;
  return (k) => classes?.[k] ?? tokenizer?.decode([k]) ?? `${k}`;
}

/** As the client of an encrypted program makes them. */
const scoresOf = (kind: AnswerKind, row: readonly number[]) =>
  new PrivateAnswer({ logits: Float64Array.from(row), kind }).reveal().scores;

/** float32, little-endian. */
function pixelsOf({ image, shape }: Extract<Seen, { image: unknown }>, withValues = false) {
  if (!withValues) return { shape };
  const bytes = Buffer.alloc(4 * image.length);
  for (const [i, value] of image.entries()) bytes.writeFloatLE(value, 4 * i);
  return { shape, base64: bytes.toString('base64') };
}

import { DataError } from '../errors.ts';
import type { GraphInputs } from '../operations/definition.ts';
import { encodeTexts, huggingFaceTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { embedTokens } from './embedding.ts';
import type { ModelInput } from './model-input.ts';
import type { InputPreparation, TextPreprocess } from './preprocess.ts';

/** Embedded tokens with their mask and pooling column. @throws DataError where the input is no text, or has no token */
export function prepareText(model: InputPreparation, preprocess: TextPreprocess, input: ModelInput): GraphInputs {
  const { tokens } = model.graph;
  if ('ids' in input) return textInputs(model, preprocess, input.ids, input.types);
  if (!('text' in input)) throw new DataError('The model takes a text: give { text } or { ids }.');
  const tokenizer = tokenizerOf(preprocess);
  if (input.pair !== undefined) {
    const { ids, types } = tokenizer.encodeInput(input.text, { pair: input.pair, maxTokens: tokens });
    return textInputs(model, preprocess, ids, types);
  }
  const ids =
    model.task === 'language-model'
      ? tokenizer.encodeInput(input.text).ids
      : [...encodeTexts([input.text], tokenizer, tokens)[0]!];
  return textInputs(model, preprocess, ids);
}

function textInputs(
  model: InputPreparation,
  { embedding, padding }: TextPreprocess,
  given: readonly number[],
  types?: readonly number[],
): GraphInputs {
  const { tokens } = model.graph;
  if (given.length === 0)
    throw new DataError('The text has no token: give at least one character the tokenizer knows.');
  const next = model.task === 'language-model';
  const ids = next ? given.slice(-tokens) : given.slice(0, tokens);
  const real = ids.length;
  // What comes after a prompt is hidden from it, but has to stay in range: a token that no text had need not.
  const padded = Array.from({ length: tokens }, (_, t) => (next ? ids[t % real]! : (ids[t] ?? padding)));
  const column = (value: (t: number) => number) => Float64Array.from({ length: tokens }, (_, t) => value(t));
  return {
    embedded: embedTokens(embedding, padded, types?.slice(0, real)),
    mask: column((t) => (t < real ? 1 : 0)),
    pooling: next ? column((t) => (t === real - 1 ? 1 : 0)) : column((t) => (t < real ? 1 / real : 0)),
  };
}

/** The embedded row [width] of the last of these tokens at its place: what one step of a generation takes. @throws as prepareInput */
export function prepareNextToken({ preprocess }: InputPreparation, ids: readonly number[]): GraphInputs {
  if (preprocess.kind !== 'text') throw new DataError('The model takes images: only a model of texts goes on.');
  const { embedding } = preprocess;
  return { embedded: embedTokens(embedding, ids).slice(-embedding.token.columns) };
}

/** Zeros in the place of an embedded token [width]: what a step takes of which nobody reads the answer. Never fails. */
export function noToken({ preprocess }: InputPreparation): GraphInputs {
  return { embedded: new Float64Array(preprocess.kind === 'text' ? preprocess.embedding.token.columns : 0) };
}

/** What cuts texts into a model's tokens. @throws DataError for a model of images, or one without tokenizer files */
export function tokenizerFor({ preprocess }: InputPreparation): Tokenizer {
  if (preprocess.kind !== 'text') throw new DataError('The model takes images: it has no tokens.');
  return tokenizerOf(preprocess);
}

const tokenizers = new WeakMap<TextPreprocess, Tokenizer>();

function tokenizerOf(preprocess: TextPreprocess): Tokenizer {
  const known = tokenizers.get(preprocess);
  if (known) return known;
  if (!preprocess.tokenizer) throw new DataError('The model has no tokenizer files: give token numbers as { ids }.');
  const tokenizer = huggingFaceTokenizer(preprocess.tokenizer);
  tokenizers.set(preprocess, tokenizer);
  return tokenizer;
}

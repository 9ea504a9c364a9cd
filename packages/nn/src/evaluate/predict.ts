import { DataError } from '@cipherformer/model';
import type { Model } from '../checkpoints/model-folder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';

/**
 * What a trained model takes: token numbers, marks included, with their types where there are two texts; or an image as it was
 * trained on, [channels, height, width].
 */
export type PreparedInput =
  | { readonly ids: readonly number[]; readonly types?: readonly number[] | undefined }
  | { readonly image: ArrayLike<number> };

/** A trained model that is asked one input at a time. */
export class Predictor implements AsyncDisposable {
  readonly #model: Model;
  readonly #threads: number;
  /** Shapes are static: a program for each number of tokens, the last one is kept. */
  #compiled: (Compiled & { readonly inference: InferenceModel }) | undefined;

  constructor(model: Model, { threads = 1 }: { readonly threads?: number } = {}) {
    this.#model = model;
    this.#threads = threads;
  }

  /**
   * What the head gives for an input: a row [outputs], logits or an embedding; of a language model those after the last token;
   * a row a token where the head is one for tokens.
   * @throws DataError for what is no input of this model
   */
  async outputs(input: PreparedInput): Promise<Float32Array[]> {
    const { config } = this.#model;
    const feeds = 'image' in input ? imageFeeds(config, input.image) : textFeeds(config, input.ids, input.types);
    const inference = await this.#inference(feeds);
    const { logits } = await inference.run(feeds.values);
    const outputs = inference.outputs.get('logits')!.shape.at(-1)!;
    const row = (t: number) => logits!.slice(t * outputs, (t + 1) * outputs);
    if (config.pool !== 'none') return [row(0)];
    if (!this.perToken) return [row(feeds.given - 1)];
    return Array.from({ length: feeds.given }, (_, t) => row(t));
  }

  /** Whether `outputs` gives a row a token. */
  get perToken(): boolean {
    const { task, pool } = this.#model.config;
    return pool === 'none' && task !== 'language-model';
  }

  async close(): Promise<void> {
    await this.#compiled?.inference.close();
    this.#compiled = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #inference({ tokens, segments }: Compiled): Promise<InferenceModel> {
    if (this.#compiled?.tokens === tokens && this.#compiled?.segments === segments) return this.#compiled.inference;
    await this.close();
    const { config, weights } = this.#model;
    const inference = await InferenceModel.create(config, weights, {
      batch: 1,
      threads: this.#threads,
      segments,
      ...(tokens === undefined ? {} : { tokens }),
    });
    this.#compiled = { tokens, segments, inference };
    return inference;
  }
}

/** What a program is compiled for. */
interface Compiled {
  readonly tokens: number | undefined;
  /** Whether tokens have types. */
  readonly segments: boolean;
}

function imageFeeds({ embedding }: ModelConfig, image: ArrayLike<number>) {
  if (embedding.kind !== 'patch') throw new DataError('The model takes a text: give { ids }.');
  const { channels, height, width } = embedding;
  const size = channels * height * width;
  if (image.length !== size)
    throw new DataError(
      `The image has ${image.length} values where the model needs ${size} [${channels}, ${height}, ${width}].`,
    );
  return { tokens: undefined, segments: false, given: 0, values: { images: Float32Array.from(image) } };
}

function textFeeds(
  { embedding, attention, task }: ModelConfig,
  given: readonly number[],
  types: readonly number[] | undefined,
) {
  if (embedding.kind !== 'token') throw new DataError('The model takes an image: give { image }.');
  const { vocabulary, maxTokens } = embedding;
  if (given.length === 0 || given.length > maxTokens)
    throw new DataError(`${given.length} tokens are given, the model takes 1 to ${maxTokens}.`);
  const strange = given.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (strange >= 0) throw new DataError(`Token ${strange} is ${given[strange]}, not one of the ${vocabulary} entries.`);
  // Without softmax the length itself is part of what is computed: that of training is all that can be known of it.
  const tokens = attention.kind === 'softmax' ? given.length : maxTokens;
  const ids = BigInt64Array.from({ length: tokens }, (_, t) => BigInt(given[t] ?? 0));
  const mask = Float32Array.from({ length: tokens }, (_, t) => (t < given.length ? 1 : 0));
  const segments = embedding.segments > 0 && types !== undefined && types.some((type) => type > 0);
  const numbers = segments && { segments: BigInt64Array.from({ length: tokens }, (_, t) => BigInt(types[t] ?? 0)) };
  const values = { ids, ...(task === 'language-model' ? {} : { mask }), ...(numbers || {}) };
  return { tokens, segments, given: given.length, values };
}

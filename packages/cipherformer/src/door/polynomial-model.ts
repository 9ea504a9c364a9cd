import { existsSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';
import {
  type AnswerKind,
  answerKindOf,
  featureGraph,
  MissingFileError,
  type PolynomialModel as Model,
  outputScoringGraph,
  PolynomialEvaluator,
  prepareInput,
  scoringGraph,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import { FileError } from '@cipherformer/runtime/client';
import { type InputOptions, type Inputs, listOf } from '../input/input.ts';
import { readInputs } from '../input/read-input.ts';
import { formOf, type InputForm } from '../input/seen.ts';
import { type Results, unitLength } from './answer.ts';
import { type PredictOptions, predictAll } from './prediction.ts';

/** A polynomial model, evaluated in clear: what its encrypted program computes, without noise. */
export class PolynomialModel implements AsyncDisposable {
  /** The folder it was read from; undefined for one that is in memory alone. */
  readonly folder: string | undefined;
  readonly #model: Model;
  /** What the first question prepares: its matrices in float64. */
  #evaluator: PolynomialEvaluator | undefined;
  #form: InputForm | undefined;

  private constructor(model: Model, folder: string | undefined) {
    this.folder = folder;
    this.#model = model;
  }

  /** One that is in memory: what a conversion without a folder has made. */
  static of(model: Model): PolynomialModel {
    return new PolynomialModel(model, undefined);
  }

  /** @throws MissingFileError where there is no such folder, FileError for one of something else; DataError, FormatError, ShapeError, ConfigError for one that is no model */
  static async load(folder: string): Promise<PolynomialModel> {
    if (!existsSync(folder))
      throw new MissingFileError(`there is no ${folder}: give the folder of a polynomial model, which convert makes`);
    if (!isPolynomialModel(folder))
      throw new FileError(`${folder} is not the folder of a polynomial model: convert a trained one first`);
    return new PolynomialModel(loadPolynomialModel(folder), folder);
  }

  /** Writes it to a new folder, which `PolynomialModel.load` reads. @throws FileError where there is one */
  async save(folder: string): Promise<void> {
    if (existsSync(folder)) throw new FileError(`${folder} already exists: choose another folder, or remove it`);
    savePolynomialModel(folder, this.#model);
  }

  /** What its card calls it. */
  get name(): string {
    return this.#model.card.name;
  }

  /** What its outputs are: one class of several, labels, numbers, ... */
  get kind(): AnswerKind {
    return answerKindOf(this.#model.task, this.#model.problem);
  }

  /** Names of the outputs, where they have names; of a search the texts of its documents. */
  get classes(): readonly string[] | undefined {
    const { classes, documents } = this.#model;
    return classes ?? documents;
  }

  /**
   * What the model says of an input, or of several in their order: what it saw, logits, labels with their scores, whether it is
   * an answer.
   * @throws UsageError, DataError for what is no input of this model, before any is computed
   */
  async predict(inputs: Inputs, options: PredictOptions = {}): Promise<Results> {
    this.#form ??= formOf(this.#model);
    const { graph } = this.#model;
    const { kind } = this;
    this.#evaluator ??= new PolynomialEvaluator(graph);
    const evaluator = this.#evaluator;
    return predictAll(
      {
        form: this.#form,
        kind,
        classes: this.classes,
        say: async (seen, given) => {
          const recorder = new ValueRecorder(graph);
          const outputs = evaluator.run(prepareInput(this.#model, given), recorder.nextExample());
          const columns = outputs.length / graph.tokens;
          const told =
            kind === 'token-classes' && 'ids' in seen ? outputs.slice(0, seen.ids.length * columns) : outputs;
          const logits = kind === 'embedding' ? unitLength(outputs) : [...told];
          return { logits, inRange: untrustedExamples(recorder.record()) === 0 };
        },
      },
      inputs,
      options,
    );
  }

  /**
   * Features [width] of inputs, in their order: what the head reads, or the embeddings of an encoder, in clear.
   * @throws UsageError, DataError for what is no input of this model; ShapeError for one without a linear head
   */
  async features(inputs: Inputs, options: InputOptions = {}): Promise<Float64Array[]> {
    this.#form ??= formOf(this.#model);
    const { task, graph } = this.#model;
    const evaluator = new PolynomialEvaluator(task === 'text-embedding' ? graph : featureGraph(graph));
    const read = await readInputs(listOf(inputs), this.#form, options);
    return read.map(({ given }) => evaluator.run(prepareInput(this.#model, given)).slice());
  }

  /**
   * A model whose outputs are the scores of a question with documents, as many and in their order: the cosine of their features, less
   * the documents' mean, times the norm of the question's, which changes no order. It is compiled like every model; other documents,
   * as many, need no new keys.
   * @param documents features of each
   * @param texts of the documents: published with the program, so that a page shows what was found. Default: their numbers alone
   * @throws UsageError for fewer than two, or of another width; for another number of texts
   */
  searching(documents: readonly ArrayLike<number>[], texts?: readonly string[]): PolynomialModel {
    const [first] = documents;
    if (!first || documents.length < 2 || documents.some(({ length }) => length !== first.length))
      throw new UsageError(`${documents.length} documents to search: give the features of at least two, of one width`);
    const mean = Float64Array.from(first, (_, i) =>
      documents.reduce((sum, each) => sum + each[i]! / documents.length, 0),
    );
    const rows = documents.map((features) => {
      const centred = Float64Array.from(features, (value, i) => value - mean[i]!);
      const norm = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0)) || 1;
      return centred.map((value) => value / norm);
    });
    const index = {
      rows: rows.length,
      columns: first.length,
      values: Float32Array.from(rows.flatMap((row) => [...row])),
    };
    const offsets = Float32Array.from(rows, (row) => -row.reduce((sum, value, i) => sum + value * mean[i]!, 0));
    const { classes: _, ...model } = this.#model;
    if (texts && texts.length !== documents.length)
      throw new UsageError(`${texts.length} texts for ${documents.length} documents: give one for each`);
    const isEncoder = model.task === 'text-embedding';
    const graph = (isEncoder ? outputScoringGraph : scoringGraph)(model.graph, index, offsets);
    const card = { ...model.card, name: `search with ${model.card.name}` };
    // Documents are the classes of a question.
    const task = isEncoder ? 'text-classification' : model.task;
    return new PolynomialModel({ ...model, task, graph, card, ...(texts ? { documents: texts } : {}) }, undefined);
  }

  /** Releases what `predict` prepared, as that of a trained model does; asked again, it prepares it again. */
  async close(): Promise<void> {
    this.#evaluator = undefined;
    this.#form = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

import { existsSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';
import {
  featureGraph,
  MissingFileError,
  type PolynomialModel as Model,
  PolynomialEvaluator,
  prepareInput,
  scoringGraph,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import { loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import { FileError, PrivateAnswer } from '@cipherformer/runtime/client';
import { Answer, type Result, type Results } from './answer.ts';
import { type Input, type InputOptions, type Inputs, isList, readInput } from './input.ts';

/** A polynomial model, evaluated in clear: what its encrypted program computes, without noise. */
export class PolynomialModel {
  /** The folder it was read from; undefined for one that is in memory alone. */
  readonly folder: string | undefined;
  readonly #model: Model;
  readonly #evaluator: PolynomialEvaluator;

  private constructor(model: Model, folder: string | undefined) {
    this.folder = folder;
    this.#model = model;
    this.#evaluator = new PolynomialEvaluator(model.graph);
  }

  /** One that is in memory: what a conversion without a folder has made. */
  static of(model: Model): PolynomialModel {
    return new PolynomialModel(model, undefined);
  }

  /** @throws MissingFileError where there is no such folder; DataError, FormatError, ShapeError, ConfigError for one that is no model */
  static async load(folder: string): Promise<PolynomialModel> {
    if (!existsSync(folder))
      throw new MissingFileError(`there is no ${folder}: give the folder of a polynomial model, which convert makes`);
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

  /** Names of the outputs, where they have names. */
  get classes(): readonly string[] | undefined {
    return this.#model.classes;
  }

  /**
   * What the model says of an input, or of several in their order: logits, labels with their scores, whether it is an answer.
   * @throws UsageError, DataError for what is no input of this model
   */
  async predict(inputs: Inputs, options: InputOptions = {}): Promise<Results> {
    const results: Result[] = [];
    for (const input of isList(inputs) ? inputs : [inputs]) results.push(await this.#predict(input, options));
    return { results };
  }

  /**
   * Features [width] of inputs, in their order: what the head reads, in clear.
   * @throws UsageError, DataError for what is no input of this model; ShapeError for one without a linear head
   */
  async features(inputs: Inputs, options: InputOptions = {}): Promise<Float64Array[]> {
    const evaluator = new PolynomialEvaluator(featureGraph(this.#model.graph));
    const found: Float64Array[] = [];
    for (const input of isList(inputs) ? inputs : [inputs])
      found.push(evaluator.run(prepareInput(this.#model, await readInput(input, this.#model, options))));
    return found;
  }

  /**
   * A model whose outputs are the scores of a question with documents, as many and in their order: the cosine of their features, less
   * the documents' mean, times the norm of the question's, which changes no order. It compiles as any other; documents may be replaced
   * by as many without new keys.
   * @param documents features of each
   * @throws UsageError for fewer than two, or of another width
   */
  searching(documents: readonly ArrayLike<number>[]): PolynomialModel {
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
    const graph = scoringGraph(model.graph, index, offsets);
    const card = { ...model.card, name: `search with ${model.card.name}` };
    return new PolynomialModel({ ...model, graph, card }, undefined);
  }

  async #predict(input: Input, options: InputOptions): Promise<Result> {
    const { graph, classes } = this.#model;
    const inputs = prepareInput(this.#model, await readInput(input, this.#model, options));
    const recorder = new ValueRecorder(graph);
    const logits = this.#evaluator.run(inputs, recorder.nextExample());
    const outside = untrustedExamples(recorder.record()) > 0;
    const reason = outside ? 'a value left the interval of a polynomial' : undefined;
    // Labels and scores as the encrypted program's client makes them.
    return new Answer(new PrivateAnswer({ logits, reason }), classes).reveal();
  }
}

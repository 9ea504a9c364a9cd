import { existsSync } from 'node:fs';
import {
  MissingFileError,
  type PolynomialModel as Model,
  PolynomialEvaluator,
  prepareInput,
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

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
import { FileError } from '@cipherformer/runtime/client';
import type { Inputs } from '../input/input.ts';
import { formOf, type InputForm } from '../input/seen.ts';
import type { Results } from './answer.ts';
import { type PredictOptions, predictAll } from './prediction.ts';

/** A polynomial model, evaluated in clear: what its encrypted program computes, without noise. */
export class PolynomialModel {
  /** The folder it was read from; undefined for one that is in memory alone. */
  readonly folder: string | undefined;
  readonly #model: Model;
  readonly #evaluator: PolynomialEvaluator;
  #form: InputForm | undefined;

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
   * What the model says of an input, or of several in their order: what it saw, logits, labels with their scores, whether it is
   * an answer.
   * @throws UsageError, DataError for what is no input of this model, before any is computed
   */
  async predict(inputs: Inputs, options: PredictOptions = {}): Promise<Results> {
    this.#form ??= formOf(this.#model);
    const { graph, task, classes } = this.#model;
    return predictAll(
      {
        form: this.#form,
        isLanguage: task === 'language-model',
        classes,
        say: async (_, given) => {
          const recorder = new ValueRecorder(graph);
          const logits = [...this.#evaluator.run(prepareInput(this.#model, given), recorder.nextExample())];
          return { logits, inRange: untrustedExamples(recorder.record()) === 0 };
        },
      },
      inputs,
      options,
    );
  }

  /** Nothing is held open: for who closes whatever was opened. */
  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

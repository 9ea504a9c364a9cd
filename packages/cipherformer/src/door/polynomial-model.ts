import { existsSync } from 'node:fs';
import {
  MissingFileError,
  type PolynomialModel as Model,
  PolynomialEvaluator,
  prepareInput,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { PrivateAnswer } from '@cipherformer/runtime/client';
import { type Input, type InputOptions, readInput } from './input.ts';

/** What a polynomial model says in clear. */
export interface Prediction {
  /** False where a value left the interval of a polynomial: then the logits are no answer. */
  readonly inRange: boolean;
  /** The class of the largest logit, or the number of its output; undefined where the input left the range. */
  readonly label: string | undefined;
  /** [outputs] */
  readonly logits: Float64Array;
  /** [outputs], softmax of the logits. */
  readonly scores: Float64Array;
}

/** A polynomial model, evaluated in clear: what its encrypted program computes, without noise. */
export class PolynomialModel {
  /** The folder it was read from. */
  readonly folder: string;
  readonly #model: Model;
  readonly #evaluator: PolynomialEvaluator;

  private constructor(folder: string, model: Model) {
    this.folder = folder;
    this.#model = model;
    this.#evaluator = new PolynomialEvaluator(model.graph);
  }

  /** @throws MissingFileError where there is no such folder; DataError, FormatError, ShapeError, ConfigError for one that is no model */
  static async load(folder: string): Promise<PolynomialModel> {
    if (!existsSync(folder))
      throw new MissingFileError(`there is no ${folder}: give the folder of a polynomial model, which convert makes`);
    return new PolynomialModel(folder, loadPolynomialModel(folder));
  }

  get name(): string {
    return this.#model.card.name;
  }

  /** Names of the outputs, where they have names. */
  get classes(): readonly string[] | undefined {
    return this.#model.classes;
  }

  /** @throws UsageError, DataError for what is no input of this model */
  async predict(input: Input, options: InputOptions = {}): Promise<Prediction> {
    const { graph, classes } = this.#model;
    const inputs = prepareInput(this.#model, await readInput(input, this.#model, options));
    const recorder = new ValueRecorder(graph);
    const logits = this.#evaluator.run(inputs, recorder.nextExample());
    const outside = untrustedExamples(recorder.record()) > 0;
    const reason = outside ? 'a value left the interval of a polynomial' : undefined;
    // Labels and scores as the encrypted program's client makes them.
    const answer = new PrivateAnswer({ logits, classes, reason });
    const { inRange, label } = answer;
    return { inRange, label, ...answer.reveal() };
  }
}

import type { OpenProgram } from '@cipherformer/compiler';
import {
  PolynomialEvaluator,
  type PolynomialModel,
  prepareInput,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';
import { InferenceModel, type Model } from '@cipherformer/nn';
import { type EncryptedProgram, joinExamples, packInputs, runSimulated } from '@cipherformer/runtime';
import type { Examples } from './examples.ts';

/** The three forms that need no key. */
export class ClearModels {
  readonly #original: InferenceModel;
  readonly #model: PolynomialModel;
  readonly #evaluator: PolynomialEvaluator;
  readonly #examples: Examples;
  readonly #opened: OpenProgram;
  readonly #batch: number;

  private constructor(original: InferenceModel, model: PolynomialModel, examples: Examples, opened: OpenProgram) {
    this.#original = original;
    this.#model = model;
    this.#evaluator = new PolynomialEvaluator(model.graph);
    this.#examples = examples;
    this.#opened = opened;
    this.#batch = opened.manifest.batch;
  }

  static async create(
    { config, weights }: Model,
    model: PolynomialModel,
    examples: Examples,
    opened: OpenProgram,
    threads: number,
  ): Promise<ClearModels> {
    const { tokens } = examples;
    const shape = { batch: 1, threads, ...(tokens === undefined ? {} : { tokens }) };
    return new ClearModels(await InferenceModel.create(config, weights, shape), model, examples, opened);
  }

  /** The answers to examples that the program computes at once, and the polynomial graph's inputs. Cost: seconds, for the simulation. */
  async answer(indices: readonly number[]) {
    const answers = [];
    for (const index of indices) answers.push(await this.#answerUnencrypted(index));
    const joined = joinExamples(answers.map(({ inputs }) => inputs), this.#batch); // biome-ignore format: one call
    const { program } = this.#opened;
    const { outputs } = runSimulated(this.#opened, packInputs(program, joined), { seed: indices[0]! + 1 });
    const parts = logitsOf(program, this.#batch);
    return answers.map((answer, k) => ({
      ...answer,
      simulated: parts.flatMap(({ output, size }) => [...outputs[output]!.subarray(k * size, (k + 1) * size)]),
    }));
  }

  async #answerUnencrypted(index: number) {
    const { logits } = await this.#original.run(this.#examples.feeds(index));
    const inputs = prepareInput(this.#model, this.#examples.input(index));
    const recorder = new ValueRecorder(this.#model.graph);
    const polynomial = [...this.#evaluator.run(inputs, recorder.nextExample())];
    return {
      inputs,
      // A language model's answer is its last row.
      original: [...logits!.slice(-polynomial.length)],
      polynomial,
      outside: untrustedExamples(recorder.record()) > 0,
    };
  }

  async close(): Promise<void> {
    await this.#original.close();
  }
}

/** Which of a program's outputs hold logits, and how many of each example. */
export function logitsOf(
  { outputs }: EncryptedProgram,
  batch: number,
): { readonly output: number; readonly size: number }[] {
  return outputs.flatMap(({ name, slots }, output) =>
    name === 'logits' ? [{ output, size: slots.length / batch }] : [],
  );
}

import { BootstrapPlan } from '@cipherformer/ckks';
import { type EncryptedProgram, packInputs, runSimulated } from '@cipherformer/compiler';
import type { OpenProgram } from '@cipherformer/compiler/server';
import {
  InferenceModel,
  type Model,
  PolynomialEvaluator,
  type PolynomialModel,
  prepareInput,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/nn';
import type { Examples } from './examples.ts';

/** The three forms that need no key. */
export class ClearModels {
  readonly #original: InferenceModel;
  readonly #model: PolynomialModel;
  readonly #evaluator: PolynomialEvaluator;
  readonly #examples: Examples;
  readonly #program: EncryptedProgram;
  readonly #plan: BootstrapPlan;

  private constructor(original: InferenceModel, model: PolynomialModel, examples: Examples, opened: OpenProgram) {
    this.#original = original;
    this.#model = model;
    this.#evaluator = new PolynomialEvaluator(model.graph);
    this.#examples = examples;
    this.#program = opened.program;
    this.#plan = new BootstrapPlan(opened.parameters);
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

  /** The answers to one example, and the polynomial graph's inputs. Cost: seconds, for the simulation. */
  async answer(index: number) {
    const { logits } = await this.#original.run(this.#examples.feeds(index));
    const inputs = prepareInput(this.#model, this.#examples.input(index));
    const recorder = new ValueRecorder(this.#model.graph);
    const polynomial = [...this.#evaluator.run(inputs, recorder.nextExample())];
    const { outputs } = runSimulated(this.#program, packInputs(this.#program, inputs), this.#plan, { seed: index + 1 });
    return {
      inputs,
      // A language model's answer is its last row.
      original: [...logits!.slice(-polynomial.length)],
      polynomial,
      simulated: logitsOf(this.#program).flatMap(({ output }) => [...outputs[output]!]),
      outside: untrustedExamples(recorder.record()) > 0,
    };
  }

  async close(): Promise<void> {
    await this.#original.close();
  }
}

/** Which of a program's outputs hold logits, and how many. */
export function logitsOf({ outputs }: EncryptedProgram): { readonly output: number; readonly size: number }[] {
  return outputs.flatMap(({ name, slots }, output) => (name === 'logits' ? [{ output, size: slots.length }] : []));
}

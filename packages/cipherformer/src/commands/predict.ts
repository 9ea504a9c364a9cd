import { UsageError } from '@cipherformer/base';
import { isPolynomialModel } from '@cipherformer/model/files';
import type { Command } from 'commander';
import { openOriginal } from '../answers/original.ts';
import { openPolynomial } from '../answers/polynomial.ts';
import { type ClearResult, resultOf } from '../answers/result.ts';
import { type Question, withQuestions } from '../input/questions.ts';
import { readQuestions } from '../input/read-input.ts';
import { warn } from '../terminal/errors.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import { modelPath } from './eval.ts';

interface PredictOptions {
  readonly data?: string;
  readonly resize?: boolean;
  readonly pixels?: boolean;
  readonly top: number;
  readonly json?: boolean;
}

/** `cipherformer predict <model>`: what a trained or a polynomial model says of inputs, in clear. */
export function registerPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('Ask a model in clear, before or after its conversion: labels, scores, logits')
    .argument('<model>', 'folder of a trained or a polynomial model, or adapter recipe (.json)');
  const questions = withQuestions(command);
  command
    .option('--resize', "scale images to the model's size where its own processor does not; their aspect ratio is not kept")
    .option('--top <n>', 'how many labels to show, the most likely first', positiveInteger, 10)
    .option('--pixels', 'with --json: also what the model saw of an image, as base64 of float32')
    .option('--data <folder>', "where the weights of an adapter recipe are (default: the recipe's folder)")
    .option('--json', 'JSON on stdout')
    .action((path: string, options: PredictOptions) => predict(path, questions, options)); // biome-ignore format: a line each
}

async function predict(path: string, questions: readonly Question[], options: PredictOptions): Promise<void> {
  if (questions.length === 0) throw new UsageError('there is no question: give --text, --image, --ids or --input');
  const folder = modelPath(path);
  const polynomial = isPolynomialModel(folder);
  const model = polynomial ? openPolynomial(folder) : openOriginal(folder, options.data);
  try {
    const results: ClearResult[] = [];
    for (const { seen } of await readQuestions(questions, model.form, { ...options, warn }))
      results.push(resultOf(model, seen, await model.say(seen), options));
    print(options.json, {
      value: { results },
      text: results.map(words(results.length)).join('\n'),
      next: polynomial
        ? `cipherformer compile ${path} --out program`
        : `cipherformer convert ${path} --data <examples>`,
    });
  } finally {
    await model.close();
  }
}

const words =
  (count: number) =>
  ({ labels = [], reason }: ClearResult, i: number): string => {
    const name = count === 1 ? 'the input' : `input ${i + 1}`;
    if (reason !== undefined) return `${name} left the range the model is made for: there is no answer (${reason})`;
    const rows = labels.map(({ label, score }) => [label, Number(score!.toFixed(4))]);
    return renderTable([count === 1 ? 'label' : name, 'score'], rows);
  };

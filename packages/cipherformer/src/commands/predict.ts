import type { AnswerKind } from '@cipherformer/model';
import { isPolynomialModel } from '@cipherformer/model/files';
import { modelPath } from '@cipherformer/nn';
import type { Command } from 'commander';
import { labelTable, rounded } from '../answers/label-table.ts';
import { loadModel, processorMissing } from '../door/load-model.ts';
import { PolynomialModel } from '../door/polynomial-model.ts';
import type { Prediction } from '../door/prediction.ts';
import { checkQuestions, type Question, withQuestions } from '../input/questions.ts';
import { commandLine } from '../terminal/command-line.ts';
import { warn } from '../terminal/errors.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';

interface PredictCommandOptions {
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
    .option('--top <n>', 'how many labels to show, the most likely first', positiveInteger, 10)
    .option('--pixels', 'with --json: also what the model saw of an image, as base64 of float32')
    .option('--data <folder>', "where the weights of an adapter recipe are (default: the recipe's folder)")
    .option('--json', 'JSON on stdout')
    .action((path: string, options: PredictCommandOptions) => predict(path, questions, options));
}

async function predict(path: string, questions: readonly Question[], options: PredictCommandOptions): Promise<void> {
  checkQuestions(questions);
  const { data, json, ...asked } = options;
  const folder = modelPath(path);
  const polynomial = isPolynomialModel(folder);
  const load = async () => {
    if (polynomial) return PolynomialModel.load(folder);
    const trained = await loadModel(path, data === undefined ? {} : { root: data });
    const missing = processorMissing(trained, path);
    if (missing) warn(missing);
    return trained;
  };
  await using model = await load();
  const { results } = await model.predict(questions, { ...asked, notice: warn });
  print(json, {
    value: { results },
    text: results.map(words(results.length, model.kind)).join('\n'),
    next: polynomial
      ? commandLine`cipherformer compile ${path} --out program`
      : commandLine`cipherformer convert ${path} --data <examples>`,
  });
}

const words =
  (count: number, kind: AnswerKind) =>
  ({ labels = [], embedding, reason }: Prediction, i: number): string => {
    const name = count === 1 ? 'the input' : `input ${i + 1}`;
    if (reason !== undefined) return `${name} left the range the model is made for: there is no answer (${reason})`;
    if (embedding) return JSON.stringify(embedding.map(rounded));
    return labelTable(labels, kind, count === 1 ? 'label' : name);
  };

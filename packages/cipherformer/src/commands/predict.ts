import { readFile } from 'node:fs/promises';
import { UsageError } from '@cipherformer/base';
import { DataError, MissingFileError, type ModelInput } from '@cipherformer/model';
import { isPolynomialModel } from '@cipherformer/model/files';
import type { Command } from 'commander';
import { imagePixels } from '../input/image-file.ts';
import { type Question, withQuestions } from '../input/questions.ts';
import { type InputForm, type Seen, seeInput } from '../input/seen.ts';
import { openOriginal } from '../predict/original.ts';
import { openPolynomial } from '../predict/polynomial.ts';
import { type ClearResult, resultOf } from '../predict/result.ts';
import { positiveInteger } from '../terminal/numbers.ts';
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
  if (questions.length === 0) throw new UsageError('there is no question: give --text, --image or --ids');
  const folder = modelPath(path);
  const model = isPolynomialModel(folder) ? openPolynomial(folder) : openOriginal(folder, options.data);
  try {
    const results: ClearResult[] = [];
    for (const [i, question] of questions.entries()) {
      const seen = seeInput(await readQuestion(question, model.form, options), model.form);
      warnOfCut(seen, i);
      results.push(resultOf(model, seen, await model.say(seen), options));
    }
    process.stdout.write(options.json ? `${JSON.stringify({ results })}\n` : words(results));
  } finally {
    await model.close();
  }
}

async function readQuestion(
  question: Question,
  form: InputForm,
  { resize = false }: PredictOptions,
): Promise<ModelInput> {
  if ('text' in question && question.pair !== undefined)
    throw new DataError('The tokenizer of this model takes no pair of texts: give one text.');
  if (!('file' in question)) return question;
  const { file } = question;
  if (form.kind !== 'image') throw new DataError(`${file} is an image, the model takes a text.`);
  const bytes = await readFile(file).catch((error: Error) => {
    throw new MissingFileError(`${file} cannot be read: ${error.message}`);
  });
  const [channels, height, width] = form.shape;
  return { pixels: await imagePixels(bytes, file, { patches: { channels, height, width } }, resize) };
}

function warnOfCut(seen: Seen, i: number): void {
  if ('ids' in seen && seen.cutFrom !== undefined)
    process.stderr.write(
      `warning input ${i + 1} has ${seen.cutFrom} tokens, the model takes ${seen.ids.length}: it was cut\n`,
    );
}

function words(results: readonly ClearResult[]): string {
  return results
    .map(({ labels = [], reason }, i) => {
      if (reason !== undefined) return `input ${i + 1}: no answer, ${reason}\n`;
      const rows = labels.map(({ label, score }) => [label, Number(score!.toFixed(4))]);
      return `${renderTable([results.length === 1 ? 'label' : `input ${i + 1}`, 'score'], rows)}\n`;
    })
    .join('');
}

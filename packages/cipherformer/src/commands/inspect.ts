import { dirname } from 'node:path';
import { given, UsageError } from '@cipherformer/base';
import { isPolynomialModel, loadPolynomialModel, readJson, writeAtomically } from '@cipherformer/model/files';
import {
  evaluatePolynomialModel,
  exportOnnx,
  exportPolynomialOnnx,
  loadModel,
  modelPath,
  parseData,
  recordRanges,
} from '@cipherformer/nn';
import type { Command } from 'commander';
import { loadDataFor, loadDataForPolynomial } from '../evaluate/data.ts';
import { outlookLines, outlookOf } from '../inspect/outlook.ts';
import { inspectPolynomial, polynomialTables } from '../inspect/polynomial.ts';
import { inspectTrained, trainedTables } from '../inspect/trained.ts';
import { commandLine } from '../terminal/command-line.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';

interface InspectOptions {
  readonly data?: string;
  readonly set?: string;
  readonly limit: number;
  readonly onnx?: string;
  readonly batch: number;
  readonly json?: boolean;
}

/**
 * `cipherformer inspect <model>`: what it is and what conversion would change, in words, layers, shapes, parameters, operations, and the ranges of its sites on data; of a
 * polynomial model, its operations, levels and polynomials.
 */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description(
      'Show what a model is, whether it can be converted and what that changes, the ranges its activations see, or the proof that it is polynomial',
    )
    .argument('<model>', 'model folder, run folder, or adapter recipe (.json)')
    .option('--data <folder>', 'the folder that data (and weight) paths start from')
    .option('--set <file>', 'a recipe or data file (JSON): record ranges on its validation part')
    .option('--limit <n>', 'examples (or windows) to record ranges on', positiveInteger, 200)
    .option('--onnx <file>', 'also write the model as an ONNX file with standard operators')
    .option('--batch <n>', 'batch size of the ONNX file', positiveInteger, 1)
    .option('--json', 'JSON on stdout')
    .action((path: string, options: InspectOptions) => {
      const folder = modelPath(path);
      return isPolynomialModel(folder) ? polynomial(path, folder, options) : trained(path, folder, options);
    });
}

async function trained(path: string, folder: string, options: InspectOptions): Promise<void> {
  const { onnx, limit, json } = options;
  const model = loadModel(folder, options.data ?? dirname(folder));
  const asked = dataOf(options);
  const { validation } = asked ? await loadDataFor(folder, asked.config, asked.root) : {};
  const ranges = validation
    ? await recordRanges(model.config, model.weights, validation, { limit, ...given({ tokens: validation.tokens }) })
    : [];
  if (onnx !== undefined) writeAtomically(onnx, exportOnnx(model.config, model.weights, options));
  const summary = inspectTrained(model);
  const outlook = outlookOf(model);
  print(json, {
    value: {
      model: path,
      outlook,
      ...summary,
      ranges: ranges.map(({ exampleMax: _, exampleMin: __, ...rest }) => rest),
    },
    text: () => [...outlookLines(outlook), trainedTables(model, summary, ranges)].join('\n'),
    next: outlook.refused === undefined ? commandLine`cipherformer convert ${path} --data <examples>` : undefined,
  });
}

async function polynomial(path: string, folder: string, options: InspectOptions): Promise<void> {
  const { onnx, limit, json } = options;
  const model = loadPolynomialModel(folder);
  const asked = dataOf(options);
  const { validation } = asked ? await loadDataForPolynomial(model, asked.config, asked.root) : {};
  const seen = validation ? (await evaluatePolynomialModel(model, validation, { limit })).values.sites : [];
  if (onnx !== undefined) writeAtomically(onnx, exportPolynomialOnnx(model.graph));
  const summary = inspectPolynomial(model, seen);
  const foreign = summary.foreign.join(', ');
  print(json, {
    value: { model: path, ...summary },
    text: () => polynomialTables(model, summary),
    next: commandLine`cipherformer compile ${path} --out program`,
    shortfall: foreign === '' ? undefined : `${path} holds ${foreign}: it is not a polynomial of its input.`,
  });
}

/** The data that ranges are recorded on, where they are asked for. @throws UsageError for one option without the other */
function dataOf({ data: root, set }: InspectOptions) {
  if (set === undefined) return undefined;
  if (root === undefined) throw new UsageError('Ranges need data: give its folder with --data.');
  return { config: parseData(readJson(set), set), root };
}

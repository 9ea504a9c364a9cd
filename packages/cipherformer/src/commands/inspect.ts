import { dirname } from 'node:path';
import { UsageError } from '@cipherformer/base';
import { elementCount, formatShape } from '@cipherformer/model';
import { isPolynomialModel, readJson, writeAtomically } from '@cipherformer/model/files';
import {
  buildInference,
  exportOnnx,
  loadModel,
  type Model,
  parameterCount,
  parameterSpecs,
  parseData,
  reachable,
  recordRanges,
  type SiteRange,
  sequenceLength,
} from '@cipherformer/nn';
import type { Command } from 'commander';
import { modelPath } from '../door/load-model.ts';
import { loadDataFor } from '../evaluate/data.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import { inspectPolynomial } from './inspect-polynomial.ts';

interface InspectOptions {
  readonly data?: string;
  readonly set?: string;
  readonly limit: number;
  readonly onnx?: string;
  readonly batch: number;
  readonly json?: boolean;
}

/**
 * `cipherformer inspect <model>`: layers, shapes, parameters, operations, and the ranges of its sites on data; of a
 * polynomial model, its operations, levels and polynomials.
 */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description('Show what a model is made of, the ranges its activations see, or the proof that it is polynomial')
    .argument('<model>', 'model folder, run folder, or adapter recipe (.json)')
    .option('--data <folder>', 'the folder that data (and weight) paths start from')
    .option('--set <file>', 'a recipe or data file (JSON): record ranges on its validation part')
    .option('--limit <n>', 'examples (or windows) to record ranges on', positiveInteger, 200)
    .option('--onnx <file>', 'also write the model as an ONNX file with standard operators')
    .option('--batch <n>', 'batch size of the ONNX file', positiveInteger, 1)
    .option('--json', 'JSON on stdout')
    .action(async (path: string, options: InspectOptions) => {
      const folder = modelPath(path);
      if (isPolynomialModel(folder)) return inspectPolynomial(path, folder, options);
      const model = loadModel(folder, options.data ?? dirname(folder));
      const summary = summarise(model);
      const ranges = options.set === undefined ? [] : await rangesOf(model, folder, options.set, options);
      if (options.onnx !== undefined) writeAtomically(options.onnx, exportOnnx(model.config, model.weights, options));
      const plain = ranges.map(({ exampleMax: _, exampleMin: __, ...rest }) => rest);
      print(options.json, {
        value: { model: path, ...summary, ranges: plain },
        text: () => describe(model, summary, ranges),
        next: `cipherformer convert ${path} --recipe <conversion recipe> --data <folder>`,
      });
    });
}

interface Summary {
  readonly parameters: number;
  readonly tokens: number;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly trained: boolean }[];
  /** How many of each ONNX operation one forward pass takes. */
  readonly operations: Readonly<Record<string, number>>;
  readonly sites: readonly { readonly name: string; readonly kind: string; readonly shape: readonly number[] }[];
}

function summarise(model: Model): Summary {
  const specs = parameterSpecs(model.config);
  const { program, builder, graph } = buildInference(model.config, { batch: 1, dialect: 'onnx' });
  const operations: Record<string, number> = {};
  for (const { op } of reachable(program, [graph.logits])) operations[op] = (operations[op] ?? 0) + 1;
  return {
    parameters: parameterCount(specs),
    tokens: sequenceLength(model.config),
    tensors: specs.map(({ name, shape, trained }) => ({ name, shape, trained })),
    operations,
    sites: builder.sites.map(({ name, kind, tensor }) => ({ name, kind, shape: tensor.shape })),
  };
}

async function rangesOf(model: Model, folder: string, set: string, options: InspectOptions): Promise<SiteRange[]> {
  if (options.data === undefined) throw new UsageError('Ranges need data: give its folder with --data.');
  const { validation } = await loadDataFor(folder, parseData(readJson(set), set), options.data);
  return recordRanges(model.config, model.weights, validation, {
    limit: options.limit,
    ...(validation.tokens ? { tokens: validation.tokens } : {}),
  });
}

function describe(model: Model, summary: Summary, ranges: readonly SiteRange[]): string {
  const { config } = model;
  const head = renderTable(
    ['model', config.task],
    [
      ['layers x width', `${config.layers} x ${config.width}`],
      ['attention', `${config.attention.kind}, ${config.attention.heads} heads of ${config.attention.headWidth}`],
      ['MLP', `${config.mlp.kind}, ${config.mlp.width}, ${nameOf(config.mlp.activation)}`],
      ['normalisation', `${config.norm.kind}, ${config.placement}`],
      ['tokens', `${summary.tokens}`],
      ['outputs', `${config.head.outputs} (${config.pool === 'none' ? 'every token' : `${config.pool} pool`})`],
      ['parameters', `${summary.parameters}`],
    ],
  );
  const tensors = renderTable(
    ['tensor', 'shape', 'values'],
    summary.tensors.map(({ name, shape, trained }) => [
      trained ? name : `${name} (stored)`,
      formatShape(shape),
      elementCount(shape),
    ]),
  );
  if (ranges.length === 0) return `${head}\n${tensors}`;
  const number = (value: number) => Number(value.toPrecision(4));
  const sites = renderTable(
    ['site', 'kind', 'min', '1e-4', 'median', '1-1e-4', 'max', 'deviation'],
    ranges.map((r) => [
      r.name,
      r.kind,
      number(r.min),
      number(r.quantiles.low4),
      number(r.quantiles.median),
      number(r.quantiles.high4),
      number(r.max),
      number(r.deviation),
    ]),
  );
  return `${head}\n${tensors}\n${sites}`;
}

const nameOf = (activation: Model['config']['mlp']['activation']): string =>
  typeof activation === 'string' ? activation : `polynomial of degree ${activation.coefficients.length - 1}`;

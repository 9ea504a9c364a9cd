import { elementCount, formatShape } from '@cipherformer/model';
import {
  buildInference,
  type Model,
  parameterCount,
  parameterSpecs,
  reachable,
  type SiteRange,
  sequenceLength,
} from '@cipherformer/nn';
import { renderTable } from '../terminal/table.ts';

/** What a trained model is made of. */
export interface TrainedSummary {
  readonly parameters: number;
  readonly tokens: number;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly trained: boolean }[];
  /** How many of each ONNX operation one forward pass takes. */
  readonly operations: Readonly<Record<string, number>>;
  readonly sites: readonly { readonly name: string; readonly kind: string; readonly shape: readonly number[] }[];
}

/** Its tensors, the operations of one forward pass, and the sites that conversion would replace. */
export function inspectTrained(model: Model): TrainedSummary {
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

/** A summary for a person, with the ranges that its sites saw. */
export function trainedTables(model: Model, summary: TrainedSummary, ranges: readonly SiteRange[]): string {
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

import {
  examplesOutside,
  type ModelLevels,
  modelLevels,
  type PolynomialModel,
  type PolynomialSite,
  polynomialSites,
  type SiteValues,
  valueShapes,
} from '@cipherformer/model';
import { arithmeticOperations, movementOperations, polynomialOperations } from '@cipherformer/nn';
import { renderTable } from '../terminal/table.ts';

/** What a polynomial model is made of. */
export interface PolynomialSummary {
  readonly task: string;
  readonly tokens: number;
  readonly nodes: number;
  /** How many of each ONNX operation one evaluation takes. */
  readonly operations: Readonly<Record<string, number>>;
  /** Operations that are neither arithmetic nor movement of data: none, or the model is not polynomial. */
  readonly foreign: readonly string[];
  readonly levels: ModelLevels;
  readonly sites: readonly SeenSite[];
}

/** A polynomial, and where its arguments fall. */
export interface SeenSite extends PolynomialSite {
  /** Largest absolute argument in calibration, times the margin. */
  readonly bound: number;
  /** On the data given: extent of the arguments, and examples in which one left the interval. */
  readonly seen?: { readonly low: number; readonly high: number; readonly examplesOutside: number };
}

/**
 * The operations of a polynomial model's ONNX form (the proof that it adds and multiplies only), the levels of each layer, and
 * its polynomials.
 * @param records what the polynomials saw, where that was recorded
 */
export function inspectPolynomial(model: PolynomialModel, records: readonly SiteValues[] = []): PolynomialSummary {
  const { graph, task } = model;
  const recordOf = new Map(records.map((record) => [record.name, record]));
  const operations = polynomialOperations(graph);
  const inputOf = new Map(
    graph.nodes.flatMap((node) => (node.op === 'polynomial' ? [[node.name, graph.nodes[node.input]!] as const] : [])),
  );
  return {
    task,
    tokens: graph.tokens,
    nodes: graph.nodes.length,
    operations,
    foreign: Object.keys(operations).filter(
      (op) => !arithmeticOperations.includes(op) && !movementOperations.includes(op),
    ),
    levels: modelLevels(graph),
    sites: polynomialSites(model).map((site) => {
      const record = recordOf.get(site.name);
      const seen = record && { low: record.low, high: record.high, examplesOutside: examplesOutside(record) };
      return { ...site, bound: inputOf.get(site.name)!.bound, ...(seen && { seen }) };
    }),
  };
}

const number = (value: number) => Number(value.toPrecision(4));
const span = (low: number, high: number) => `[${number(low)}, ${number(high)}]`;

/** A summary for a person. */
export function polynomialTables({ card, graph }: PolynomialModel, summary: PolynomialSummary): string {
  const { operations, foreign, levels, sites } = summary;
  const outputs = valueShapes(graph)[graph.output]!.columns;
  const list = (names: readonly string[]) =>
    names
      .filter((op) => operations[op] !== undefined)
      .map((op) => `${op} x${operations[op]}`)
      .join(', ');
  const head = renderTable(
    ['polynomial model', card.name],
    [
      ['task', summary.task],
      ['tokens', `${summary.tokens}`],
      ['outputs', `${outputs}`],
      ['nodes', `${summary.nodes}`],
      ['arithmetic', list(arithmeticOperations)],
      ['movement of data', list(movementOperations)],
      ['anything else', foreign.length === 0 ? 'none: additions and multiplications only' : list(foreign)],
    ],
  );
  const parts = renderTable(
    ['part', 'levels of the model'],
    [
      ...levels.parts.map(({ name, levels: own }) => [name, own]),
      ['total, without packing and bootstraps', levels.total],
    ],
  );
  const measured = sites.some(({ seen }) => seen !== undefined);
  const polynomials = renderTable(
    [
      'polynomial',
      'stands for',
      'interval',
      ...(measured ? ['seen', 'outside'] : ['bound']),
      'degree',
      'levels',
      'error',
    ],
    sites.map((site) => [
      site.name,
      site.function ?? 'not stated',
      span(...site.interval),
      ...(measured
        ? [site.seen ? span(site.seen.low, site.seen.high) : '', site.seen?.examplesOutside ?? 0]
        : [`${number(site.bound)}`]),
      site.degrees,
      site.levels,
      site.error === undefined ? 'not stated' : `${number(site.error)}`,
    ]),
  );
  return `${head}\n${parts}\n${polynomials}`;
}

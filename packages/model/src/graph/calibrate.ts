import { DataError } from '../errors.ts';
import type { Argument, GraphInputs } from '../operations/definition.ts';
import { type Observer, PolynomialEvaluator } from './evaluate.ts';
import { type GraphNode, operations, type PolynomialGraph } from './graph.ts';

/** What the nodes of a graph held over a number of examples. */
export interface ValueRecord {
  readonly examples: number;
  /** Smallest and largest value by node. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly sites: readonly SiteValues[];
  /** The first value that was not a finite number: a polynomial left its interval far behind. */
  readonly broken?: { readonly node: string; readonly example: number };
}

/**
 * The arguments of one polynomial. Every slot counts, hidden ones (padding, future tokens) too: under encryption the
 * polynomial is evaluated there as well, and a value that explodes in any slot spoils the whole ciphertext.
 */
export interface SiteValues {
  /** Number and name of the polynomial's node. */
  readonly node: number;
  readonly name: string;
  readonly interval: readonly [number, number];
  readonly low: number;
  readonly high: number;
  /** Number of values outside the interval, for each example. */
  readonly outside: Uint32Array;
}

/** Watches evaluations of a graph: the extent of every value, and what left a polynomial's interval. */
export class ValueRecorder {
  readonly #graph: PolynomialGraph;
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  /** By node; used for polynomials. */
  readonly #outside: number[][];
  /** By node: the polynomials that read it. */
  readonly #readers: number[][];
  #examples = 0;
  #broken: ValueRecord['broken'];

  constructor(graph: PolynomialGraph) {
    this.#graph = graph;
    const { nodes } = graph;
    this.#low = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
    this.#high = new Float64Array(nodes.length).fill(Number.NEGATIVE_INFINITY);
    this.#outside = nodes.map(() => []);
    this.#readers = nodes.map(() => []);
    nodes.forEach((node, i) => {
      const argument = argumentOf(node);
      if (argument) this.#readers[argument.operand]!.push(i);
    });
  }

  /** What to watch the evaluation of the next example with. */
  nextExample(): Observer {
    const example = this.#examples++;
    const { nodes } = this.#graph;
    return (i, values) => {
      for (const value of values) {
        if (!Number.isFinite(value)) this.#broken ??= { node: nodes[i]!.name, example };
        if (value < this.#low[i]!) this.#low[i] = value;
        if (value > this.#high[i]!) this.#high[i] = value;
      }
      for (const reader of this.#readers[i]!)
        this.#outside[reader]!.push(countOutside(argumentOf(nodes[reader]!)!, values));
    };
  }

  record(): ValueRecord {
    const [low, high, examples, broken] = [this.#low, this.#high, this.#examples, this.#broken];
    const sites = this.#graph.nodes.flatMap((node, i): SiteValues[] => {
      const argument = argumentOf(node);
      if (!argument) return [];
      const { operand, interval } = argument;
      const extent = { interval, low: low[operand]!, high: high[operand]! };
      return [{ node: i, name: node.name, ...extent, outside: Uint32Array.from(this.#outside[i]!) }];
    });
    return { examples, low: low.slice(), high: high.slice(), sites, ...(broken && { broken }) };
  }
}

/** Runs the examples and records what their values were. Cost: one evaluation an example. */
export function recordValues(graph: PolynomialGraph, examples: readonly GraphInputs[]): ValueRecord {
  if (examples.length === 0) throw new DataError('There is no example to record values on: give at least one.');
  const evaluator = new PolynomialEvaluator(graph);
  const recorder = new ValueRecorder(graph);
  for (const inputs of examples) evaluator.run(inputs, recorder.nextExample());
  return recorder.record();
}

const argumentOf = (node: GraphNode): Argument | undefined => operations[node.op].argument?.(node);

function countOutside({ interval: [from, to] }: Argument, values: Float64Array): number {
  let count = 0;
  // Written so that a NaN counts.
  for (const value of values) if (!(value >= from && value <= to)) count += 1;
  return count;
}

/** Examples that left the interval of a site at least once. */
export const examplesOutside = ({ outside }: SiteValues): number =>
  outside.reduce((n, count) => n + (count ? 1 : 0), 0);

/** Examples in which any polynomial saw a value outside its interval: their answers cannot be trusted. */
export const untrustedExamples = ({ sites, examples }: ValueRecord): number =>
  Array.from({ length: examples }, (_, i) => sites.some(({ outside }) => outside[i]! > 0)).filter(Boolean).length;

/**
 * The graph with every bound set to `margin` times the largest absolute value recorded (1 where all are zero).
 * @throws DataError where a value was not finite, or for a margin below 1
 */
export function withBounds(graph: PolynomialGraph, record: ValueRecord, margin: number): PolynomialGraph {
  const { low, high, broken } = record;
  if (!(margin >= 1)) throw new DataError(`A margin of ${margin} would cut off values that were seen: give 1 or more.`);
  if (broken) {
    throw new DataError(
      `Example ${broken.example}: "${broken.node}" is not a finite number; a polynomial left its interval far behind. ` +
        'Widen its interval (a larger margin), or train the ranges down.',
    );
  }
  const nodes = graph.nodes.map((node, i) => {
    const largest = Math.max(Math.abs(low[i]!), Math.abs(high[i]!));
    return { ...node, bound: largest === 0 ? 1 : largest * margin };
  });
  return { ...graph, nodes };
}

/** The graph with bounds from calibration examples: what the compiler needs. Cost: one evaluation an example. */
export const calibrate = (graph: PolynomialGraph, examples: readonly GraphInputs[], margin: number): PolynomialGraph =>
  withBounds(graph, recordValues(graph, examples), margin);

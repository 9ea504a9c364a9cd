import { DataError } from '../errors.ts';
import { type GraphInputs, PolynomialEvaluator } from './evaluate.ts';
import type { PolynomialGraph } from './graph.ts';

/** What the nodes of a graph held over a number of examples. */
export interface ValueRecord {
  readonly examples: number;
  /** Smallest and largest value by node. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly sites: readonly SiteRecord[];
}

/**
 * The arguments of one polynomial. Every slot counts, hidden ones (padding, future tokens) too: under encryption the
 * polynomial is evaluated there as well, and a value that explodes in any slot spoils the whole ciphertext.
 */
export interface SiteRecord {
  /** Number and name of the polynomial's node. */
  readonly node: number;
  readonly name: string;
  readonly interval: readonly [number, number];
  readonly low: number;
  readonly high: number;
  /** Number of values outside the interval, for each example. */
  readonly outside: Uint32Array;
}

/**
 * Runs the examples and records the extent of every value and what left a polynomial's interval.
 * @throws DataError naming the node whose value is not finite
 */
export function recordValues(graph: PolynomialGraph, examples: readonly GraphInputs[]): ValueRecord {
  if (examples.length === 0) throw new DataError('There is no example to record values on: give at least one.');
  const evaluator = new PolynomialEvaluator(graph);
  const { nodes } = graph;
  const low = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(nodes.length).fill(Number.NEGATIVE_INFINITY);
  const outside = nodes.map(() => new Uint32Array(examples.length));
  const readers = nodes.map((_, i) =>
    nodes.flatMap((node, n) => (node.op === 'polynomial' && node.input === i ? [n] : [])),
  );
  examples.forEach((inputs, example) => {
    evaluator.run(inputs, (i, values) => {
      for (const value of values) {
        if (!Number.isFinite(value)) {
          throw new DataError(
            `Example ${example}: "${nodes[i]!.name}" holds ${value}: a polynomial left its interval far behind.`,
          );
        }
        if (value < low[i]!) low[i] = value;
        if (value > high[i]!) high[i] = value;
      }
      for (const reader of readers[i]!) outside[reader]![example] = countOutside(nodes[reader]!, values);
    });
  });
  const sites = nodes.flatMap((node, i): SiteRecord[] =>
    node.op === 'polynomial'
      ? [
          {
            node: i,
            name: node.name,
            interval: node.program.interval,
            low: low[node.input]!,
            high: high[node.input]!,
            outside: outside[i]!,
          },
        ]
      : [],
  );
  return { examples: examples.length, low, high, sites };
}

function countOutside(node: PolynomialGraph['nodes'][number], values: Float64Array): number {
  if (node.op !== 'polynomial') return 0;
  const [from, to] = node.program.interval;
  let count = 0;
  for (const value of values) if (value < from || value > to) count += 1;
  return count;
}

/** Examples that left the interval of a site at least once. */
export const examplesOutside = ({ outside }: SiteRecord): number =>
  outside.reduce((n, count) => n + (count ? 1 : 0), 0);

/** The graph with every bound set to `margin` times the largest absolute value recorded (1 where all are zero). */
export function withBounds(graph: PolynomialGraph, { low, high }: ValueRecord, margin: number): PolynomialGraph {
  if (!(margin >= 1)) throw new DataError(`A margin of ${margin} would cut off values that were seen: give 1 or more.`);
  const nodes = graph.nodes.map((node, i) => {
    const largest = Math.max(Math.abs(low[i]!), Math.abs(high[i]!));
    return { ...node, bound: largest === 0 ? 1 : largest * margin };
  });
  return { ...graph, nodes };
}

/** The graph with bounds from calibration examples: what the compiler needs. Cost: one evaluation an example. */
export const calibrate = (graph: PolynomialGraph, examples: readonly GraphInputs[], margin: number): PolynomialGraph =>
  withBounds(graph, recordValues(graph, examples), margin);

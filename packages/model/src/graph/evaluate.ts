import { type Compute, type GraphInputs, type ValueShape, valueSize } from '../operations/definition.ts';
import { operations, type PolynomialGraph } from './graph.ts';
import { operandsOf } from './operands.ts';
import { valueShapes } from './shapes.ts';

/** Called with every value as it is made (the array is reused later: copy what is kept). */
export type Observer = (node: number, values: Float64Array) => void;

/** Elements of a polynomial's argument worked on together: the intermediate values of its steps stay in the cache. */
const blockSize = 512;

/**
 * A graph on plain float64 numbers: what the encrypted program computes, without noise. Only operations/kernels.ts
 * touches values, and it adds, subtracts and multiplies.
 */
export class PolynomialEvaluator {
  readonly graph: PolynomialGraph;
  readonly #shapes: readonly ValueShape[];
  readonly #compute: readonly Compute[];
  /** By node: the values that nobody reads after it, whose memory is free then. */
  readonly #released: readonly (readonly number[])[];

  /** @throws ShapeError where the graph is not well formed */
  constructor(graph: PolynomialGraph) {
    const { tokens, window = tokens, nodes } = graph;
    const shapes = valueShapes(graph);
    const shapeOf = (value: number) => shapes[value]!;
    const scratch = sharedScratch();
    this.graph = graph;
    this.#shapes = shapes;
    this.#compute = nodes.map((node, i) =>
      operations[node.op].evaluation(node, { window, shape: shapes[i]!, shapeOf, scratch }),
    );
    this.#released = lastReads(graph);
  }

  /** The logits [outputs]. @throws ShapeError where an input is missing or of another size */
  run(inputs: GraphInputs, observe?: Observer): Float64Array {
    const values: (Float64Array | undefined)[] = [];
    this.#compute.forEach((compute, i) => {
      const value = new Float64Array(valueSize(this.#shapes[i]!));
      compute(values as Float64Array[], value, inputs);
      values.push(value);
      observe?.(i, value);
      for (const operand of this.#released[i]!) values[operand] = undefined;
    });
    return values[this.graph.output]!;
  }
}

/** Arrays of a block each, made once for all nodes. */
function sharedScratch(): (arrays: number) => readonly Float64Array[] {
  const blocks: Float64Array[] = [];
  return (arrays) => {
    while (blocks.length < arrays) blocks.push(new Float64Array(blockSize));
    return blocks;
  };
}

/** By node: the operands that it is the last to read, but for the output. */
function lastReads({ nodes, output }: PolynomialGraph): number[][] {
  const last = new Map<number, number>();
  nodes.forEach((node, i) => {
    for (const [, operand] of operandsOf(node)) last.set(operand, i);
  });
  const released: number[][] = nodes.map(() => []);
  for (const [operand, reader] of last) if (operand !== output) released[reader]!.push(operand);
  return released;
}

/** The logits [outputs] of one example. For many examples make one PolynomialEvaluator. */
export function evaluate(graph: PolynomialGraph, inputs: GraphInputs, observe?: Observer): Float64Array {
  return new PolynomialEvaluator(graph).run(inputs, observe);
}

import { ShapeError } from '../errors.ts';
import type { GraphNode, PolynomialGraph } from './graph.ts';
import * as kernels from './kernels.ts';
import { prepareProgram } from './prepare.ts';
import { operandsOf, type ValueShape, valueShapes, valueSize } from './shapes.ts';

/** Values of the graph's inputs by name, row-major. */
export type GraphInputs = Readonly<Record<string, Float32Array | Float64Array>>;

/** Called with every value as it is made (the array is reused later: copy what is kept). */
export type Observer = (node: number, values: Float64Array) => void;

/** Elements of a polynomial's argument worked on together: the intermediate values of its steps stay in the cache. */
const blockSize = 512;

/**
 * A graph on plain float64 numbers: what the encrypted program computes, without noise. Only kernels.ts touches
 * values, and it adds, subtracts and multiplies.
 */
export class PolynomialEvaluator {
  readonly graph: PolynomialGraph;
  readonly #shapes: readonly ValueShape[];
  readonly #programs: ReadonlyMap<number, ReturnType<typeof prepareProgram>>;
  /** The last node that reads a value: its memory is free after that. */
  readonly #lastUse: Int32Array;
  readonly #scratch: Float64Array[] = [];

  /** @throws ShapeError where the graph is not well formed */
  constructor(graph: PolynomialGraph) {
    this.graph = graph;
    this.#shapes = valueShapes(graph);
    this.#programs = new Map(
      graph.nodes.flatMap((node, i) => (node.op === 'polynomial' ? [[i, prepareProgram(node.program)] as const] : [])),
    );
    this.#lastUse = new Int32Array(graph.nodes.length).fill(-1);
    graph.nodes.forEach((node, i) => {
      for (const [, operand] of operandsOf(node)) this.#lastUse[operand] = i;
    });
    const steps = Math.max(0, ...[...this.#programs.values()].map((program) => program.steps.length));
    for (let i = 0; i <= steps; i++) this.#scratch.push(new Float64Array(blockSize));
  }

  /** The logits [outputs]. @throws ShapeError where an input is missing or of another size */
  run(inputs: GraphInputs, observe?: Observer): Float64Array {
    const { nodes, output } = this.graph;
    const values: (Float64Array | undefined)[] = [];
    nodes.forEach((node, i) => {
      const value = this.#compute(node, i, inputs, values as Float64Array[]);
      values.push(value);
      observe?.(i, value);
      for (const [, operand] of operandsOf(node)) {
        if (this.#lastUse[operand] === i && operand !== output) values[operand] = undefined;
      }
    });
    return values[output]!;
  }

  #compute(node: GraphNode, index: number, inputs: GraphInputs, values: readonly Float64Array[]): Float64Array {
    const shape = this.#shapes[index]!;
    const { rows, columns } = shape;
    if (node.op === 'input') return readInput(inputs, node.name, shape);
    const out = new Float64Array(valueSize(shape));
    const { tokens } = this.graph;
    switch (node.op) {
      case 'linear':
        kernels.linear(values[node.input]!, rows, node.weight, node.bias, out);
        break;
      case 'addTable':
        kernels.add(values[node.input]!, node.table.values, out);
        break;
      case 'add':
        kernels.add(values[node.left]!, values[node.right]!, out);
        break;
      case 'multiply':
        kernels.multiply(values[node.left]!, values[node.right]!, out);
        break;
      case 'meanFeatures':
        kernels.meanFeatures(values[node.input]!, rows, columns, 1 / columns, out);
        break;
      case 'maskTokens':
        kernels.maskTokens(values[node.input]!, values[node.mask]!, rows, columns, out);
        break;
      case 'scores':
        kernels.scores(
          values[node.query]!,
          values[node.key]!,
          tokens,
          this.#shapes[node.query]!.columns / node.heads,
          node,
          out,
        );
        break;
      case 'polynomial':
        kernels.polynomial(values[node.input]!, this.#programs.get(index)!, this.#scratch, out);
        break;
      case 'attend': {
        const heads = this.#shapes[node.maps]!.heads!;
        kernels.attend(values[node.maps]!, values[node.value]!, tokens, heads, columns / heads, node, out);
        break;
      }
      case 'pool':
        kernels.pool(values[node.input]!, node.weights, columns, out);
        break;
    }
    return out;
  }
}

function readInput(inputs: GraphInputs, name: string, shape: ValueShape): Float64Array {
  const given = inputs[name];
  const size = valueSize(shape);
  if (given?.length !== size) {
    throw new ShapeError(
      `The input "${name}" needs ${size} values [${shape.rows}, ${shape.columns}], got ${given?.length ?? 'none'}.`,
    );
  }
  return Float64Array.from(given);
}

/** The logits [outputs] of one example. For many examples make one PolynomialEvaluator. */
export function evaluate(graph: PolynomialGraph, inputs: GraphInputs, observe?: Observer): Float64Array {
  return new PolynomialEvaluator(graph).run(inputs, observe);
}

import { ShapeError } from '../errors.ts';
import type { Matrix } from '../operations/fields.ts';
import type { PolynomialGraph } from './graph.ts';
import { operandsOf } from './operands.ts';

/**
 * A model without its head: what the last linear map reads, [1, features]. An encoder for search, where it was trained to classify.
 * @throws ShapeError for a graph that does not end in a linear map of one row
 */
export function featureGraph(graph: PolynomialGraph): PolynomialGraph {
  const { input } = headOf(graph);
  return { ...graph, nodes: graph.nodes.slice(0, input + 1), output: input };
}

/**
 * The model with scores in place of its head: those of its features with each row of an index, less a constant each. The index is
 * public, and may be exchanged for one of as many rows without new keys: a dense matrix of one shape takes the same rotations.
 * @param index [documents, features]
 * @param offsets [documents], added
 * @throws ShapeError where the index has other columns than the model has features
 */
export function scoringGraph(graph: PolynomialGraph, index: Matrix, offsets: Float32Array): PolynomialGraph {
  return withScores(graph, index, offsets);
}

/**
 * The same with an index for what the model gives, as an encoder of sentences: its last linear map becomes part of the index.
 * @param index [documents, outputs]
 * @throws ShapeError where the index has other columns than the model has outputs
 */
export function outputScoringGraph(graph: PolynomialGraph, index: Matrix, offsets: Float32Array): PolynomialGraph {
  const { weight, bias } = headOf(graph);
  checkIndex(index, offsets, weight.rows);
  const values = new Float32Array(index.rows * weight.columns);
  const moved = offsets.slice();
  for (let row = 0; row < index.rows; row++) {
    const sums = new Float64Array(weight.columns);
    for (let k = 0; k < weight.rows; k++) {
      const factor = index.values[row * index.columns + k]!;
      for (let i = 0; i < weight.columns; i++) sums[i]! += factor * weight.values[k * weight.columns + i]!;
      if (bias) moved[row]! += factor * bias[k]!;
    }
    values.set(sums, row * weight.columns);
  }
  return withScores(graph, { rows: index.rows, columns: weight.columns, values }, moved);
}

/** @throws ShapeError */
function checkIndex(index: Matrix, offsets: Float32Array, columns: number): void {
  if (index.columns !== columns || index.rows < 1 || offsets.length !== index.rows)
    throw new ShapeError(
      `An index of ${index.rows} x ${index.columns} with ${offsets.length} offsets does not fit ${columns} features: give a row of as many numbers and an offset for each document.`,
    );
}

function withScores(graph: PolynomialGraph, index: Matrix, offsets: Float32Array): PolynomialGraph {
  const { input, weight } = headOf(graph);
  checkIndex(index, offsets, weight.columns);
  const features = graph.nodes[input]!;
  // No score can be larger, whatever features are in range.
  let bound = 0;
  for (let row = 0; row < index.rows; row++) {
    let sum = Math.abs(offsets[row]!);
    for (let i = 0; i < index.columns; i++) sum += Math.abs(index.values[row * index.columns + i]!) * features.bound;
    bound = Math.max(bound, sum);
  }
  const nodes = graph.nodes.slice(0, input + 1);
  nodes.push({ op: 'linear', name: 'search', bound, input, weight: index, bias: offsets });
  return { ...graph, nodes, output: input + 1 };
}

function headOf({ nodes, output }: PolynomialGraph) {
  const head = nodes[output]!;
  const later = nodes.slice(output).some((node) => operandsOf(node).some(([, operand]) => operand === output));
  if (head.op !== 'linear' || later)
    throw new ShapeError(
      `The model ends in "${head.name}" (${head.op}): only one that ends in a linear head has features.`,
    );
  return head;
}

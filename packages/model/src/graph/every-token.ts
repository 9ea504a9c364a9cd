import { ShapeError } from '../errors.ts';
import type { GraphNode, PolynomialGraph } from './graph.ts';

/**
 * A language model's graph with logits for every token, [tokens, outputs]: what scoring a text needs. What chooses one
 * row is left out; everything after it works on rows anyway. In clear only: encrypted, one row is enough.
 * @throws ShapeError where no row is chosen
 */
export function everyToken(graph: PolynomialGraph): PolynomialGraph {
  const pool = graph.nodes.find((node) => node.op === 'pool');
  if (!pool) throw new ShapeError('The graph has no "pool": its output has a row for every token already.');
  const before = graph.nodes[pool.input]!;
  const stream = before.op === 'maskTokens' ? before.input : pool.input;
  const left = new Set<GraphNode>([pool, ...(before.op === 'maskTokens' ? [before, graph.nodes[before.mask]!] : [])]);
  const numbers: number[] = [];
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (left.has(node)) {
      numbers.push(node === pool ? numbers[stream]! : -1);
      continue;
    }
    numbers.push(nodes.length);
    nodes.push(renumber(node, numbers));
  }
  return { tokens: graph.tokens, nodes, output: numbers[graph.output]! };
}

/** The node with its operands' new numbers. */
function renumber(node: GraphNode, numbers: readonly number[]): GraphNode {
  const to = (value: number) => numbers[value]!;
  switch (node.op) {
    case 'input':
      return node;
    case 'linear':
    case 'addTable':
    case 'meanFeatures':
    case 'polynomial':
    case 'pool':
      return { ...node, input: to(node.input) };
    case 'add':
    case 'multiply':
      return { ...node, left: to(node.left), right: to(node.right) };
    case 'maskTokens':
      return { ...node, input: to(node.input), mask: to(node.mask) };
    case 'scores':
      return { ...node, query: to(node.query), key: to(node.key) };
    case 'attend':
      return { ...node, maps: to(node.maps), value: to(node.value) };
  }
}

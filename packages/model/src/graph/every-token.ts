import { ShapeError } from '../errors.ts';
import { hidingOf } from '../operations/rows.ts';
import type { GraphNode, PolynomialGraph } from './graph.ts';
import { withOperands } from './operands.ts';

/**
 * A language model's graph with logits for every token, [tokens, outputs]: what scoring a text needs. What chooses one
 * row is left out; everything after it works on rows anyway. In clear only: encrypted, one row is enough.
 * @throws ShapeError where no row is chosen
 */
export function everyToken(graph: PolynomialGraph): PolynomialGraph {
  const pool = graph.nodes.find((node) => node.op === 'pool');
  if (!pool) throw new ShapeError('The graph has no "pool": its output has a row for every token already.');
  const before = graph.nodes[pool.input]!;
  const hiding = hidingOf(before);
  const stream = hiding?.input ?? pool.input;
  const left = new Set<GraphNode>([pool, ...(hiding ? [before, graph.nodes[hiding.mask]!] : [])]);
  const numbers: number[] = [];
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (left.has(node)) {
      numbers.push(node === pool ? numbers[stream]! : -1);
      continue;
    }
    numbers.push(nodes.length);
    nodes.push(withOperands(node, (operand) => numbers[operand]!));
  }
  return { ...graph, nodes, output: numbers[graph.output]! };
}

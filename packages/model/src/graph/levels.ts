import { type GraphNode, operations, type PolynomialGraph } from './graph.ts';
import { operandsOf } from './operands.ts';

/** Multiplicative depth spent by the model alone; packing and bootstrapping add their own. */
export interface ModelLevels {
  readonly total: number;
  /** In the order of the model: what comes before the layers, each layer, what comes after. */
  readonly parts: readonly { readonly name: string; readonly levels: number }[];
}

/** Levels a node adds to its deepest operand: a linear map or a product 1, a polynomial its program's, else 0. */
export const nodeLevels = (node: GraphNode): number => operations[node.op].levels(node);

/** Levels along the longest path from an input to each node. */
export function nodeDepths(graph: PolynomialGraph): number[] {
  const depths: number[] = [];
  for (const node of graph.nodes) {
    depths.push(nodeLevels(node) + Math.max(0, ...operandsOf(node).map(([, value]) => depths[value]!)));
  }
  return depths;
}

/** The levels of the whole graph and of its parts: how much deeper a part's last value is than the part before's. */
export function modelLevels(graph: PolynomialGraph): ModelLevels {
  const depths = nodeDepths(graph);
  const ends = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    const layer = /^(layers|stages)\.\d+/.exec(node.name)?.[0];
    const part = layer ?? ([...ends.keys()].some((name) => name !== 'embedding') ? 'head' : 'embedding');
    ends.set(part, Math.max(ends.get(part) ?? 0, depths[i]!));
  });
  let before = 0;
  const parts = [...ends].map(([name, end]) => {
    const levels = Math.max(0, end - before);
    before = Math.max(before, end);
    return { name, levels };
  });
  return { total: depths[graph.output]!, parts };
}

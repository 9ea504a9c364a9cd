import type { Program } from '@cipherformer/approx';
import type { GraphNode, Matrix } from '@cipherformer/model';
import { type AffineMap, type Dense, identityMap, toDense, type View } from './affine.ts';

/** A node without what the builder adds. */
type NewNode<Node extends GraphNode = GraphNode> = Node extends GraphNode ? Omit<Node, 'name' | 'bound'> : never;

/** Appends nodes in topological order and turns views into nodes where a value is needed. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly tokens: number;

  constructor(tokens: number) {
    this.tokens = tokens;
  }

  /** Appends a node, whose bound is unknown until calibration, and returns its number. */
  push(name: string, node: NewNode): number {
    this.nodes.push({ ...node, name, bound: Number.POSITIVE_INFINITY } as GraphNode);
    return this.nodes.length - 1;
  }

  input(name: string, features: number): number {
    return this.push(name, { op: 'input', features });
  }

  polynomial(name: string, input: number, program: Program): number {
    return this.push(name, { op: 'polynomial', input, program });
  }

  /** The node of a view: the node itself where nothing is left to apply, else one linear map or one table. */
  materialise(name: string, view: View): number {
    const { map, node } = view;
    if (isShift(map)) {
      if (!map.bias) return node;
      const rows = Array.from({ length: this.tokens }, () => [...map.bias!]);
      return this.addTable(name, node, {
        rows: this.tokens,
        columns: view.width,
        values: Float64Array.from(rows.flat()),
      });
    }
    const bias = map.bias && Float32Array.from(map.bias);
    return this.push(name, { op: 'linear', input: node, weight: toMatrix(toDense(view)), ...(bias && { bias }) });
  }

  addTable(name: string, input: number, table: Dense): number {
    return this.push(name, { op: 'addTable', input, table: toMatrix(table) });
  }

  multiplyTable(name: string, input: number, table: Dense): number {
    return this.push(name, { op: 'multiplyTable', input, table: toMatrix(table) });
  }

  /** Rows of a value times the rows of a column that the client gives. */
  maskTokens(name: string, input: number, mask: number): number {
    return this.push(name, { op: 'maskTokens', input, mask });
  }

  /** The sum of two views of one width, each materialised under its own name. */
  add(name: string, left: View, leftName: string, right: View, rightName: string): View {
    const operands = { left: this.materialise(leftName, left), right: this.materialise(rightName, right) };
    return viewOf(this.push(name, { op: 'add', ...operands }), left.width);
  }
}

export const viewOf = (node: number, width: number): View => ({ node, width, map: identityMap });

export const toMatrix = ({ rows, columns, values }: Dense): Matrix => ({
  rows,
  columns,
  values: Float32Array.from(values),
});

/** Whether a map at most adds a constant. */
const isShift = (map: AffineMap): boolean => map.kind === 'feature' && !map.centre && !map.scale;

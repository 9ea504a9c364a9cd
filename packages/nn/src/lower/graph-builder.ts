import type { Program } from '@cipherformer/approx';
import { type GraphNode, type Matrix, operandsOf } from '@cipherformer/model';
import { type AffineMap, type Dense, identityMap, toDense, type View } from './affine.ts';

/** A node without what the builder adds. */
type NewNode<Node extends GraphNode = GraphNode> = Node extends GraphNode ? Omit<Node, 'name' | 'bound'> : never;

/** Appends nodes in topological order and turns views into nodes where a value is needed. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly tokens: number;
  readonly #rows: number[] = [];

  constructor(tokens: number) {
    this.tokens = tokens;
  }

  /** Appends a node, whose bound is unknown until calibration, and returns its number. */
  push(name: string, node: NewNode): number {
    const whole = { ...node, name, bound: Number.POSITIVE_INFINITY } as GraphNode;
    this.#rows.push(this.#rowsMade(whole));
    return this.nodes.push(whole) - 1;
  }

  /** Rows of a node's value. */
  rowsOf(node: number): number {
    return this.#rows[node]!;
  }

  #rowsMade(node: GraphNode): number {
    if (node.op === 'pool') return 1;
    if (node.op === 'takeRows') return node.rows.length;
    const [first] = operandsOf(node);
    return first ? this.#rows[first[1]]! : this.tokens;
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
      const rows = Array.from({ length: this.rowsOf(node) }, () => [...map.bias!]);
      return this.addTable(name, node, {
        rows: rows.length,
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

  /** Rows of a value in another order, or some of them; the node itself where they stay. */
  takeRows(name: string, input: number, rows: readonly number[]): number {
    const same = rows.length === this.rowsOf(input) && rows.every((row, i) => row === i);
    return same ? input : this.push(name, { op: 'takeRows', input, rows });
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

import { operandsOf, type PolynomialGraph, type ValueShape, valueShapes, withOperands } from '@cipherformer/model';
import { LayoutError } from '../errors.ts';
import type { Meanings, ModelNode, OwnNode, RescaleNode } from './meaning.ts';

/** A polynomial graph as the passes work on it: only what the output needs, with shapes, and with rescales. */
export interface Model {
  /** Of a window. */
  readonly tokens: number;
  /** Of an example, where no tokens have merged yet. */
  readonly windows: number;
  readonly nodes: readonly ModelNode[];
  readonly shapes: readonly ValueShape[];
  readonly output: number;
  /** Linear maps that are wanted at one token alone, and zero at the others: which one. Absent: none. */
  readonly placed?: ReadonlyMap<number, number>;
  /** Of all operations; carried, as the table that has them lowers too, which stands on the passes before it. */
  readonly meanings: Meanings;
}

/** @throws ShapeError (of the package model) for a graph that is not well formed, LayoutError for one without bounds */
export function modelOf(graph: PolynomialGraph, meanings: Meanings): Model {
  const shapes = valueShapes(graph);
  const { window = graph.tokens } = graph;
  const needed = new Set<number>([graph.output]);
  for (let i = graph.nodes.length - 1; i >= 0; i--)
    if (needed.has(i)) for (const operand of operandNumbers(graph.nodes[i]!)) needed.add(operand);
  const kept = graph.nodes.map((_, i) => i).filter((i) => needed.has(i));
  const number = new Map(kept.map((old, i) => [old, i]));
  for (const i of kept) {
    const { bound, name } = graph.nodes[i]!;
    const { rows } = shapes[i]!;
    if (rows !== 1 && (rows % window !== 0 || rows > graph.tokens))
      throw new LayoutError(`${name} has ${rows} tokens, which are no whole windows of ${window}: merge as many that some are left`); // biome-ignore format: message
    if (!(bound >= 0 && Number.isFinite(bound)))
      throw new LayoutError(`${name} has the bound ${bound}: calibrate the model on data before compiling it`);
  }
  return {
    tokens: window,
    windows: graph.tokens / window,
    nodes: kept.map((i) => withOperands(graph.nodes[i]!, (operand) => number.get(operand)!)),
    shapes: kept.map((i) => shapes[i]!),
    output: number.get(graph.output)!,
    meanings,
  };
}

/** Operands of the nodes that no graph has, by field. */
const ownOperands = {
  rescale: ['input'],
  tokenInput: [],
  tokenScores: ['query', 'key'],
  tokenAttend: ['maps', 'value'],
} as const satisfies Readonly<Record<OwnNode['op'], readonly string[]>>;

const isOwn = (node: ModelNode): node is OwnNode => node.op in ownOperands;

export function operandNumbers(node: ModelNode): number[] {
  if (!isOwn(node)) return operandsOf(node).map(([, value]) => value);
  const numbers = node as unknown as Readonly<Record<string, number>>;
  return ownOperands[node.op].map((field) => numbers[field]!);
}

/** Numbers of the nodes that read each value. */
export function consumersOf({ nodes }: Model): number[][] {
  const consumers: number[][] = nodes.map(() => []);
  for (const [i, node] of nodes.entries())
    for (const operand of new Set(operandNumbers(node))) consumers[operand]!.push(i);
  return consumers;
}

/** The model with a rescale between a value and one of its consumers. */
export function insertRescale(model: Model, producer: number, consumer: number): Model {
  const moved = (i: number) => (i >= consumer ? i + 1 : i);
  const source = model.nodes[producer]!;
  const rescale: RescaleNode = {
    op: 'rescale',
    name: `${model.nodes[consumer]!.name}.rescale`,
    bound: source.bound,
    input: producer,
  };
  const nodes = model.nodes.map((node, i) =>
    renumbered(node, (operand) => (i === consumer && operand === producer ? consumer : moved(operand))),
  );
  return {
    ...model,
    nodes: [...nodes.slice(0, consumer), rescale, ...nodes.slice(consumer)],
    shapes: [...model.shapes.slice(0, consumer), model.shapes[producer]!, ...model.shapes.slice(consumer)],
    output: moved(model.output),
  };
}

/** The node with other numbers for its operands. */
export function renumbered(node: ModelNode, map: (operand: number) => number): ModelNode {
  if (!isOwn(node)) return withOperands(node, map);
  const numbers = node as unknown as Readonly<Record<string, number>>;
  return { ...node, ...Object.fromEntries(ownOperands[node.op].map((field) => [field, map(numbers[field]!)])) };
}

/** Sets that grow together, each named by one of its members. */
export class Classes {
  readonly #parent: number[];

  constructor(size: number) {
    this.#parent = Array.from({ length: size }, (_, i) => i);
  }

  of(i: number): number {
    let root = i;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    this.#parent[i] = root;
    return root;
  }

  join(a: number, b: number): void {
    this.#parent[this.of(a)] = this.of(b);
  }
}

import type { Program } from '@cipherformer/approx';
import {
  type GraphInputs,
  type GraphNode,
  type Matrix,
  PolynomialEvaluator,
  type PolynomialGraph,
} from '@cipherformer/model';

/** A small generator of numbers with a seed, so that every failure can be repeated. */
export class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 12345) >>> 0;
  }

  /** Uniform in [-1, 1). */
  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 31 - 1;
  }

  matrix(rows: number, columns: number, size = 1 / Math.sqrt(columns)): Matrix {
    return { rows, columns, values: Float32Array.from({ length: rows * columns }, () => this.next() * size) };
  }

  vector(length: number, size = 1): Float32Array {
    return Float32Array.from({ length }, () => this.next() * size);
  }
}

type NewNode<Node extends GraphNode = GraphNode> = Node extends GraphNode ? Omit<Node, 'name' | 'bound'> : never;

/** Writes graphs for tests; bounds come from running them. */
export class GraphWriter {
  readonly nodes: GraphNode[] = [];
  readonly tokens: number;
  /** Of a window. */
  readonly window: number;

  constructor(tokens: number, window = tokens) {
    this.tokens = tokens;
    this.window = window;
  }

  get #lengths(): Pick<PolynomialGraph, 'tokens' | 'window'> {
    const { tokens, window } = this;
    return window === tokens ? { tokens } : { tokens, window };
  }

  add(name: string, node: NewNode): number {
    this.nodes.push({ ...node, name, bound: 1 } as GraphNode);
    return this.nodes.length - 1;
  }

  /** Least and largest number of a value on these inputs. */
  range(value: number, inputs: readonly GraphInputs[]): [least: number, largest: number] {
    const numbers: number[] = [];
    // The output has to be a matrix: any will do.
    const output = this.nodes.findIndex(({ op }) => op === 'input');
    const evaluator = new PolynomialEvaluator({ ...this.#lengths, nodes: this.nodes, output });
    for (const one of inputs)
      evaluator.run(one, (node, values) => {
        if (node === value) numbers.push(...values);
      });
    return [Math.min(...numbers), Math.max(...numbers)];
  }

  /** Bounds: the largest value seen on these inputs, times a margin. */
  calibrated(inputs: readonly GraphInputs[], margin = 1.2): PolynomialGraph {
    const graph = { ...this.#lengths, nodes: this.nodes, output: this.nodes.length - 1 };
    const evaluator = new PolynomialEvaluator(graph);
    const most = new Float64Array(this.nodes.length);
    for (const one of inputs)
      evaluator.run(one, (node, values) => {
        for (const value of values) most[node] = Math.max(most[node]!, Math.abs(value));
      });
    return { ...graph, nodes: this.nodes.map((node, i) => ({ ...node, bound: most[i]! * margin })) };
  }
}

/** A polynomial of that degree on an interval, with decreasing coefficients, neither even nor odd. */
export function someProgram(interval: readonly [number, number], degree: number, numbers: Numbers): Program {
  const coefficients = Array.from({ length: degree + 1 }, (_, j) => numbers.next() / (j + 1));
  return { interval: [interval[0], interval[1]], steps: [{ op: 'polynomial', value: 0, coefficients }] };
}

/** diag(gain) (I - 1 1^T / d), rounded to float32: a normalisation with a stored deviation. */
export function centring(features: number, numbers: Numbers): Matrix {
  const gain = numbers.vector(features);
  const values = Float32Array.from({ length: features ** 2 }, (_, i) => {
    const [row, column] = [Math.floor(i / features), i % features];
    return gain[row]! * ((row === column ? 1 : 0) - 1 / features);
  });
  return { rows: features, columns: features, values };
}

export interface TransformerShape {
  readonly tokens: number;
  readonly features: number;
  readonly width: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly hidden: number;
  readonly layers: number;
  readonly outputs: number;
  readonly causal?: boolean;
  /** Causal maps with weights and offsets of their own for each head, query and key. */
  readonly byPosition?: boolean;
  /** Queries and keys times tables by token and feature, as rotary positions have them. */
  readonly turned?: boolean;
  /** A mask that only the client knows of. */
  readonly masked?: boolean;
  /** chosen: by a column of the client's, "pooling". */
  readonly pooling: 'mean' | 'last' | 'class' | 'chosen';
  /** Full layer normalisation with an approximated inverse square root, instead of none. */
  readonly layerNorm?: boolean;
  readonly activationDegree?: number;
  readonly mapDegree?: number;
}

/** A transformer with random weights in polynomial form. */
export function transformer(shape: TransformerShape, seed: number): GraphWriter {
  const { tokens, features, width, heads, headWidth, hidden, layers, outputs } = shape;
  const numbers = new Numbers(seed);
  const graph = new GraphWriter(tokens);
  const linear = (name: string, input: number, rows: number, columns: number, size?: number) =>
    graph.add(name, {
      op: 'linear',
      input,
      weight: numbers.matrix(rows, columns, size ?? 1 / Math.sqrt(columns)),
      bias: numbers.vector(rows, 0.3),
    });
  const input = graph.add('input', { op: 'input', features });
  const mask = shape.masked ? graph.add('mask', { op: 'input', features: 1 }) : undefined;
  let x = linear('embed', input, width, features);
  x = graph.add('positions', { op: 'addTable', input: x, table: numbers.matrix(tokens, width, 0.5) });
  const norm = (name: string, value: number): number => {
    if (!shape.layerNorm) return value;
    const centring = numbers.matrix(width, width);
    for (let i = 0; i < width; i++)
      for (let j = 0; j < width; j++) centring.values[i * width + j] = (i === j ? 1 : 0) - 1 / width;
    const centred = graph.add(`${name}.centred`, { op: 'linear', input: value, weight: centring });
    const square = graph.add(`${name}.square`, { op: 'multiply', left: centred, right: centred });
    const variance = graph.add(`${name}.variance`, { op: 'meanFeatures', input: square });
    // Not 1/sqrt, which needs a longer fit: what matters here is the shape of the graph.
    const coefficients = [0.9, -0.4, 0.15, -0.06];
    const inverse = graph.add(`${name}.inverse`, {
      op: 'polynomial',
      input: variance,
      program: { interval: [0.02, 2.5], steps: [{ op: 'polynomial', value: 0, coefficients }] },
    });
    return graph.add(`${name}.result`, { op: 'multiply', left: centred, right: inverse });
  };
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`;
    const inner = heads * headWidth;
    const normed = norm(`${at}.attention.norm`, x);
    const turn = (name: string) => {
      const parts = ['cosines', 'sines'].map((part) =>
        graph.add(`${name}.${part}`, {
          op: 'multiplyTable',
          input: linear(`${name}.${part}.features`, normed, inner, width),
          table: numbers.matrix(tokens, inner),
        }),
      );
      return graph.add(name, { op: 'add', left: parts[0]!, right: parts[1]! });
    };
    const place = (name: string) => (shape.turned ? turn(name) : linear(name, normed, inner, width));
    const query = place(`${at}.attention.query`);
    const key = place(`${at}.attention.key`);
    let value = linear(`${at}.attention.value`, normed, inner, width);
    const scores = graph.add(`${at}.attention.scores`, {
      op: 'scores',
      query,
      key,
      heads,
      offset: numbers.vector(shape.byPosition ? heads * tokens ** 2 : heads, 0.2),
    });
    const maps = graph.add(`${at}.attention.act`, {
      op: 'polynomial',
      input: scores,
      program: someProgram([-4, 5], shape.mapDegree ?? 3, numbers),
    });
    if (mask !== undefined) value = graph.add(`${at}.attention.masked`, { op: 'maskTokens', input: value, mask });
    const attended = graph.add(`${at}.attention.attend`, {
      op: 'attend',
      maps,
      value,
      causal: shape.causal ?? false,
      ...(shape.byPosition && { weights: numbers.vector(heads * tokens ** 2) }),
    });
    const projected = linear(`${at}.attention.output`, attended, width, inner, 0.5 / Math.sqrt(inner));
    x = graph.add(`${at}.attention.sum`, { op: 'add', left: x, right: projected });
    const up = linear(`${at}.mlp.up`, norm(`${at}.mlp.norm`, x), hidden, width);
    const act = graph.add(`${at}.mlp.act`, {
      op: 'polynomial',
      input: up,
      program: someProgram([-5, 4], shape.activationDegree ?? 4, numbers),
    });
    const down = linear(`${at}.mlp.down`, act, width, hidden, 0.5 / Math.sqrt(hidden));
    x = graph.add(`${at}.mlp.sum`, { op: 'add', left: x, right: down });
  }
  const one = shape.pooling === 'class' ? 0 : tokens - 1;
  const weights = Float32Array.from({ length: tokens }, (_, t) =>
    shape.pooling === 'mean' ? 1 / tokens : t === one ? 1 : 0,
  );
  if (shape.pooling === 'chosen') {
    const pooling = graph.add('pooling', { op: 'input', features: 1 });
    x = graph.add('pooling.rows', { op: 'maskTokens', input: x, mask: pooling });
    weights.fill(1);
  }
  linear('head', graph.add('pool', { op: 'pool', input: x, weights }), outputs, width);
  return graph;
}

export function randomInputs(shape: TransformerShape, seed: number): GraphInputs {
  const numbers = new Numbers(seed);
  const { tokens, features } = shape;
  const input = numbers.vector(tokens * features);
  if (shape.pooling === 'chosen')
    return { input, pooling: Float32Array.from({ length: tokens }, (_, t) => (t === tokens - 1 ? 1 : 0)) };
  if (!shape.masked) return { input };
  const visible = Math.ceil(tokens / 2);
  return { input, mask: Float32Array.from({ length: tokens }, (_, t) => (t < visible ? 1 : 0)) };
}

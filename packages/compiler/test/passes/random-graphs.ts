// Random small graphs of every operation, with intervals and bounds that their values reach.
import type { Program } from '@cipherformer/approx';
import type { GraphInputs, PolynomialGraph } from '@cipherformer/model';
import fc from 'fast-check';
import { centring, GraphWriter, Numbers, someProgram } from './graphs.ts';

export const operations = [
  'linear', 'centring', 'add', 'multiply', 'addTable', 'multiplyTable', 'meanFeatures', 'maskTokens', 'polynomial', 'takeRows', 'attention', 'bare attention',
] as const; // biome-ignore format: a list
export type Operation = (typeof operations)[number];

/** One operation to write: its operands are earlier values, counted from the last. */
interface Draw {
  readonly op: Operation;
  readonly left: number;
  readonly right: number;
  readonly width: number;
}

export interface Recipe {
  readonly seed: number;
  /** Of a window. */
  readonly tokens: number;
  readonly windows: number;
  readonly features: number;
  readonly batch: number;
  readonly draws: readonly Draw[];
  /** What makes the output of the last value. */
  readonly end: 'pool' | 'pool and linear' | 'pool and norm' | 'pool and MLP' | 'pool and polynomial';
}

export interface RandomGraph {
  /** Its bounds are the largest values of the examples. */
  readonly graph: PolynomialGraph;
  readonly examples: readonly GraphInputs[];
}

/** Recipes of graphs of these operations. */
export function recipes(ops: readonly Operation[] = operations, most = 6): fc.Arbitrary<Recipe> {
  const width = fc.constantFrom(1, 2, 3, 4, 6, 7, 8, 12);
  return fc.record({
    seed: fc.nat(1e6),
    tokens: fc.integer({ min: 1, max: 6 }),
    windows: fc.constantFrom(1, 1, 1, 2, 3),
    features: width,
    batch: fc.constantFrom(1, 1, 2),
    draws: fc.array(fc.record({ op: fc.constantFrom(...ops), left: fc.nat(5), right: fc.nat(5), width }), {
      minLength: 1,
      maxLength: most,
    }),
    end: fc.constantFrom('pool', 'pool and linear', 'pool and norm', 'pool and MLP', 'pool and polynomial'),
  });
}

export function randomGraph({ seed, tokens: window, windows, features, batch, draws, end }: Recipe): RandomGraph {
  const tokens = windows * window;
  const numbers = new Numbers(seed);
  const examples = Array.from({ length: batch }, () => ({
    input: numbers.vector(tokens * features),
    mask: Float32Array.from({ length: tokens }, () => (numbers.next() > -0.3 ? 1 : 0)),
  }));
  const writer = new Writer(new GraphWriter(tokens, window), examples, numbers);
  const values = [writer.input('input', features)];
  for (const draw of draws) {
    const of = (back: number) => values[Math.max(0, values.length - 1 - back)]!;
    values.push(writer.write(draw, of(draw.left), of(draw.right)));
  }
  let last = writer.pool(values.at(-1)!);
  if (end === 'pool and norm') writer.norm(last);
  if (end === 'pool and polynomial') last = writer.polynomial(last, 3);
  if (end === 'pool and MLP') last = writer.polynomial(writer.linear(last, 5), 3);
  if (end === 'pool and linear' || end === 'pool and MLP') writer.linear(last, 3);
  const { graph } = writer;
  const used = new Set(graph.nodes.flatMap(({ op, name }) => (op === 'input' ? [name] : [])));
  return {
    graph: graph.calibrated(examples, 1),
    examples: examples.map((one) => Object.fromEntries(Object.entries(one).filter(([name]) => used.has(name)))),
  };
}

/** Writes nodes whose shapes and intervals fit the values they read. */
class Writer {
  readonly graph: GraphWriter;
  readonly #examples: readonly GraphInputs[];
  readonly #numbers: Numbers;
  readonly #columns = new Map<number, number>();
  #mask: number | undefined;

  constructor(graph: GraphWriter, examples: readonly GraphInputs[], numbers: Numbers) {
    this.graph = graph;
    this.#examples = examples;
    this.#numbers = numbers;
  }

  input(name: string, features: number): number {
    return this.#sized(this.graph.add(name, { op: 'input', features }), features);
  }

  pool(input: number): number {
    const weights = this.#numbers.vector(this.graph.tokens);
    return this.#add({ op: 'pool', input, weights }, this.#width(input));
  }

  linear(input: number, rows: number, weight = this.#numbers.matrix(rows, this.#width(input))): number {
    const bias = this.#numbers.next() > 0 && { bias: this.#numbers.vector(rows, 2) };
    return this.#add({ op: 'linear', input, weight, ...bias }, rows);
  }

  /** Of an interval that the value reaches on both sides or on neither. */
  polynomial(input: number, degree: number): number {
    return this.#add({ op: 'polynomial', input, program: this.#program(input, degree) }, this.#columns.get(input));
  }

  /** A full normalisation of a few features of a value. */
  norm(input: number): void {
    const centred = this.linear(input, 5);
    const square = this.#add({ op: 'multiply', left: centred, right: centred }, 5);
    const variance = this.#add({ op: 'meanFeatures', input: square }, 5);
    this.#add({ op: 'multiply', left: centred, right: this.polynomial(variance, 3) }, 5);
  }

  write({ op, width }: Draw, left: number, right: number): number {
    const { tokens } = this.graph;
    const columns = this.#width(left);
    const numbers = this.#numbers;
    switch (op) {
      case 'linear':
        return this.linear(left, width);
      case 'centring':
        return this.linear(left, columns, centring(columns, numbers));
      case 'add':
      case 'multiply': {
        const other = this.#width(right) === columns ? right : this.linear(right, columns);
        return this.#add({ op, left, right: other }, columns);
      }
      case 'addTable':
      case 'multiplyTable':
        return this.#add({ op, input: left, table: numbers.matrix(tokens, columns, 1) }, columns);
      case 'meanFeatures':
        return this.#add({ op, input: left }, columns);
      case 'maskTokens':
        return this.#add({ op, input: left, mask: this.#maskBy(width, right) }, columns);
      case 'polynomial':
        return this.polynomial(left, width);
      case 'takeRows': {
        const rows = Array.from({ length: tokens }, () => Math.floor(((numbers.next() + 1) / 2) * tokens));
        return this.#add({ op, input: left, rows }, columns);
      }
      case 'attention': {
        const [heads, inner] = width % 3 === 0 ? [3, 9] : [2, 2 * Math.ceil(width / 2)];
        const [query, key, value] = [left, right, right].map((from) => this.linear(from, inner));
        return this.#attend(query!, key!, value!, heads!, width);
      }
      case 'bare attention': {
        const heads = columns % 2 === 0 ? 2 : 1;
        const key = this.#width(right) === columns ? right : left;
        return this.#attend(left, key, left, heads, width);
      }
    }
  }

  #attend(query: number, key: number, value: number, heads: number, draw: number): number {
    const numbers = this.#numbers;
    const every = heads * this.graph.tokens * this.graph.window;
    const offset = draw % 4 === 1 ? {} : { offset: numbers.vector(draw % 4 === 2 ? heads : every, 0.5) };
    const scores = this.graph.add(`${this.graph.nodes.length} scores`, { op: 'scores', query, key, heads, ...offset });
    const maps = this.polynomial(scores, 2);
    const causal = draw % 3 !== 1;
    const weights = draw % 2 === 0 && { weights: numbers.vector(every) };
    return this.#add({ op: 'attend', maps, value, causal, ...weights }, this.#width(value));
  }

  /** A mask of the client's, or a column that the model makes. */
  #maskBy(draw: number, from: number): number {
    if (draw % 2 === 1) {
      this.#mask ??= this.input('mask', 1);
      return this.#mask;
    }
    const column = this.linear(from, 1);
    return draw % 4 === 0 ? this.#add({ op: 'multiply', left: column, right: column }, 1) : column;
  }

  #program(input: number, degree: number): Program {
    const [lo, hi] = this.graph.range(input, this.#examples);
    const margin = Math.max(hi - lo, Math.abs(hi) / 10, 1e-3) * (degree % 2 === 0 ? 0.5 : 0.01);
    const interval = [lo - margin, hi + margin] as const;
    const { steps } = someProgram(interval, degree, this.#numbers);
    // Whole factors take no other factor: the square does, the sum with the argument does not.
    const square = { op: 'square', value: 1 } as const;
    const offset = this.#numbers.next();
    const sum = (value: number) => ({ op: 'affine', terms: [{ value: 2, factor: 2 }, { value, factor: 1 }], offset }) as const; // biome-ignore format: one step
    const more = { 6: [square], 7: [square, sum(1)], 8: [square, sum(0)] }[degree] ?? [];
    return { interval: [...interval], steps: [...steps, ...more] };
  }

  #add(node: Parameters<GraphWriter['add']>[1], columns: number | undefined): number {
    return this.#sized(this.graph.add(`${this.graph.nodes.length} ${node.op}`, node), columns);
  }

  #sized(value: number, columns: number | undefined): number {
    if (columns !== undefined) this.#columns.set(value, columns);
    return value;
  }

  /** Columns of a matrix. */
  #width(value: number): number {
    return this.#columns.get(value)!;
  }
}

// What the groups of a lowered model hold, number by number and slot by slot, against the graph evaluated directly.
import { PolynomialEvaluator, type PolynomialGraph } from '@cipherformer/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LayoutError } from '../../src/errors.ts';
import { geometryOf } from '../../src/packing/geometry.ts';
import { zeroEmptyRows } from '../../src/passes/empty-rows.ts';
import { normalise } from '../../src/passes/factors.ts';
import { chooseLayouts } from '../../src/passes/layouts.ts';
import { lowerModel } from '../../src/passes/lower.ts';
import type { ModelNode } from '../../src/passes/meaning.ts';
import { modelOf } from '../../src/passes/model.ts';
import { operations as meanings } from '../../src/passes/operations.ts';
import { centring, GraphWriter, Numbers, someProgram } from './graphs.ts';
import { operations, type RandomGraph, randomGraph, recipes } from './random-graphs.ts';
import { batchOf, evaluated, expectClose, largest, runGroups, slotsOf } from './running.ts';

interface Packing {
  readonly slots: number;
  readonly spread: number;
  readonly keys: 1 | 2;
  readonly values: 1 | 2;
}

const packings: fc.Arbitrary<Packing> = fc.record({
  slots: fc.constantFrom(2 ** 6, 2 ** 7, 2 ** 9),
  spread: fc.constantFrom(1, 2),
  keys: fc.constantFrom(1, 2),
  values: fc.constantFrom(1, 2),
});

/** Where bounds are the largest values themselves, rounding may go beyond. */
const one = 1 + 1e-6;

/** The numbers of each value of the graph by its node's name, example after example. */
function numbersOf(graph: PolynomialGraph, examples: RandomGraph['examples']): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  for (const example of examples)
    new PolynomialEvaluator(graph).run(example, (node, values) => {
      const { name } = graph.nodes[node]!;
      numbers.set(name, [...(numbers.get(name) ?? []), ...values]);
    });
  return numbers;
}

/** What becomes of a graph, where this packing can take it. */
function loweredOf({ graph, examples }: RandomGraph, { slots, spread, keys, values }: Packing) {
  try {
    const model = modelOf(graph, meanings);
    const geometry = geometryOf(slots, model.tokens, examples.length, spread, model.windows);
    const normalised = normalise(zeroEmptyRows(model, geometry));
    const layouts = chooseLayouts(normalised.model, geometry);
    return {
      ...normalised,
      geometry,
      layouts,
      lowered: lowerModel(normalised, geometry, { keys, values }, { period: 2 ** 10 }),
    };
  } catch (error) {
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** Every number of every value where its layout says, arguments and refreshed values in range in all slots, the logits. */
function expectLowered(random: RandomGraph, packing: Packing): void {
  const made = loweredOf(random, packing);
  fc.pre(made !== undefined);
  const { model, factors, layouts, geometry, lowered } = made;
  const { graph, examples } = random;
  const { tensors, steps, logits } = runGroups(lowered, examples.length, batchOf(examples));
  expectClose(logits, evaluated(graph, examples), 'logits');
  for (const { instruction, operand } of steps)
    if (instruction.op === 'polynomial') expect(largest(operand), instruction.source).toBeLessThanOrEqual(one);
  const numbers = numbersOf(graph, examples);
  for (const [i, node] of model.nodes.entries()) {
    const named = [...lowered.tensors.keys()].filter((tensor) => lowered.tensors[tensor]!.name === node.name);
    // Pools that a linear map takes in have no tensor; rescales of one consumer share a name.
    if (named.length !== 1) continue;
    const [tensor] = named as [number];
    const { argument, refreshable, mask, ciphertexts } = lowered.tensors[tensor]!;
    const held = tensors[tensor]!;
    expect(held.length, node.name).toBe(ciphertexts);
    const places = slotsOf(layouts[i]!, geometry);
    const expected = numbers.get(sourceOf(model.nodes, node).name)!;
    const wanted = argument ? argumentsOf(model.nodes, i, expected) : expected.map((number) => number * factors[i]!);
    const slots = places.map(({ ciphertext, slot }) => held[ciphertext]![slot]!);
    expectClose(slots, wanted, node.name, 1);
    if (refreshable) expect(largest(slots), node.name).toBeLessThanOrEqual(one);
    if (refreshable && !mask) for (const values of held) expect(largest(values), node.name).toBeLessThanOrEqual(one);
    if (!mask) continue;
    // A mask keeps the numbers and their copies: of everything else, it keeps nothing.
    const masks = mask.map((vector) => vector.values());
    const kept = masks.reduce((sum, values) => sum + values.filter((value) => value !== 0).length, 0);
    expect(places.every(({ ciphertext, slot }) => masks[ciphertext]![slot] === 1)).toBe(true);
    const distinct = new Set(places.map(({ ciphertext, slot }) => `${ciphertext} ${slot}`)).size;
    expect(kept % distinct, `the mask of ${node.name}`).toBe(0);
  }
}

/** The node of the graph that made what a rescale multiplies. */
function sourceOf(nodes: readonly ModelNode[], node: ModelNode): ModelNode {
  return node.op === 'rescale' ? sourceOf(nodes, nodes[node.input]!) : node;
}

/** Numbers as the polynomial that reads the value takes them. */
function argumentsOf(nodes: readonly ModelNode[], value: number, numbers: readonly number[]): number[] {
  const reader = nodes.find((node) => node.op === 'polynomial' && node.input === value);
  if (reader?.op !== 'polynomial') throw new TypeError(`no polynomial reads ${nodes[value]!.name}`);
  const [lo, hi] = reader.program.interval;
  return numbers.map((x) => (2 * x - lo - hi) / (hi - lo));
}

describe('lowered models hold what their graphs compute, in range in every slot', () => {
  const check = (recipe: Parameters<typeof randomGraph>[0], packing: Packing) =>
    expectLowered(randomGraph(recipe), packing);

  it.each(operations)('%s, of any sizes, once or twice', (op) => {
    fc.assert(fc.property(recipes([op], 2), packings, check), { numRuns: 40, seed: 1 });
  });

  it('all operations together', () => {
    fc.assert(fc.property(recipes(), packings, check), { numRuns: 200, seed: 4 });
  });
});

/** For an input x of 13 features and five tokens. */
const examples = [{ x: new Numbers(8).vector(65) }];

/** A graph of x in 2^6 slots: two ciphertexts, with padding and rows without a feature. With at most so many rescales. */
function expectWritten(write: (graph: GraphWriter, x: number, numbers: Numbers) => void, most?: number): void {
  const numbers = new Numbers(9);
  const graph = new GraphWriter(5);
  write(graph, graph.add('x', { op: 'input', features: 13 }), numbers);
  const random = { graph: graph.calibrated(examples, 1), examples };
  for (const keys of [1, 2] as const) expectLowered(random, { slots: 2 ** 6, spread: 1, keys, values: 1 });
  if (most !== undefined) expect(rescales(random)).toBeLessThanOrEqual(most);
}

function rescales(random: RandomGraph): number {
  const { model } = loweredOf(random, { slots: 2 ** 6, spread: 1, keys: 1, values: 1 })!;
  return model.nodes.filter(({ op }) => op === 'rescale').length;
}

describe('slots without a number', () => {
  const high: readonly [number, number] = [19, 21];
  /** About 20, where its argument is in range; anything but 20 where it is 0. */
  const twenty = (input: number) => ({ op: 'polynomial', input, program: { interval: [-2, 2], steps: [{ op: 'polynomial', value: 0, coefficients: [20, 0.3, 0.2] }] } }) as const; // biome-ignore format: one node
  const oneHot = (at: number) => Float32Array.from({ length: 5 }, (_, t) => (t === at ? 1 : 0));

  /** Values that are 1 where there are numbers and 21 where there are none: 21 - 20 t^2 of t = 1, or 0. */
  const oneOr21 = (graph: GraphWriter, input: number, features: number) => {
    const weight = { rows: features, columns: 13, values: new Float32Array(features * 13) };
    const bias = new Float32Array(features).fill(1);
    const ones = graph.add('ones', { op: 'linear', input, weight, bias });
    const steps = [{ op: 'polynomial', value: 0, coefficients: [11, 0, -10] }] as const;
    return graph.add('one or 21', { op: 'polynomial', input: ones, program: { interval: [-1, 1], steps } });
  };

  it('scores of what polynomials leave in rows without a feature count the features alone', () => {
    expectWritten((graph, x) => {
      const query = oneOr21(graph, x, 6);
      const scores = graph.add('scores', { op: 'scores', query, key: query, heads: 2 });
      const maps = graph.add('maps', { op: 'polynomial', input: scores, program: someProgram([-1, 5], 2, new Numbers(1)) });
      const attended = graph.add('attended', { op: 'attend', maps, value: query, causal: false });
      graph.add('pool', { op: 'pool', input: attended, weights: oneHot(2) });
    }, 2); // biome-ignore format: one graph
  });

  it('scores of queries that padding tokens have, too, are in range at these before a polynomial', () => {
    expectWritten((graph, x, numbers) => {
      const key = graph.add('key', { op: 'linear', input: x, weight: numbers.matrix(8, 13, 1) });
      const scores = graph.add('scores', { op: 'scores', query: oneOr21(graph, x, 8), key, heads: 2 });
      const [least, most] = graph.range(scores, examples);
      const maps = graph.add('maps', { op: 'polynomial', input: scores, program: someProgram([least, most], 2, numbers) }); // biome-ignore format: one node
      const attended = graph.add('attended', { op: 'attend', maps, value: key, causal: true });
      graph.add('pool', { op: 'pool', input: attended, weights: oneHot(2) });
    }, 1); // biome-ignore format: one graph
  });

  it('the argument of a polynomial that another one makes: in range at padding and in rows without a feature', () => {
    expectWritten((graph, x, numbers) => {
      const value = graph.add('twenty', twenty(x));
      const act = graph.add('act', { op: 'polynomial', input: value, program: someProgram(high, 3, numbers) });
      graph.add('pool', { op: 'pool', input: act, weights: numbers.vector(5) });
    }, 1); // biome-ignore format: one graph
  });

  it.each([
    ['the first token', oneHot(0), 0],
    ['the last token', oneHot(4), 1],
    ['a mean', new Float32Array(5).fill(0.2), 1],
  ] as const)(
    'a full normalisation of %s: the variance is in range at the others too, for a level where a sum leaves something there',
    (_, weights, most) => {
      expectWritten((graph, x, numbers) => {
        const value = graph.add('big', { op: 'linear', input: x, weight: numbers.matrix(13, 13, 2) });
        const pool = graph.add('pool', { op: 'pool', input: value, weights });
        const centred = graph.add('centred', { op: 'linear', input: pool, weight: centring(13, numbers) });
        const square = graph.add('square', { op: 'multiply', left: centred, right: centred });
        const variance = graph.add('variance', { op: 'meanFeatures', input: square });
        const inverse = graph.add('inverse', { op: 'polynomial', input: variance, program: someProgram([0, 1.01 * graph.range(variance, examples)[1]], 3, numbers) }); // biome-ignore format: one node
        graph.add('result', { op: 'multiply', left: centred, right: inverse });
      }, most); // biome-ignore format: one graph
    },
  );

  it('a bias that a pooled map adds at its token alone leaves nothing out of range at the others', () => {
    expectWritten((graph, x, numbers) => {
      const pool = graph.add('pool', { op: 'pool', input: x, weights: numbers.vector(5) });
      const bias = new Float32Array(6).fill(20);
      const up = graph.add('up', { op: 'linear', input: pool, weight: numbers.matrix(6, 13, 0.1), bias });
      graph.add('act', { op: 'polynomial', input: up, program: someProgram(high, 3, numbers) });
    }, 1); // biome-ignore format: one graph
  });

  it('the mean of a mean, in several ciphertexts of which the last has fewer features', () => {
    expectWritten((graph, x, numbers) => {
      const mean = graph.add('mean', { op: 'meanFeatures', input: x });
      const square = graph.add('square', { op: 'multiply', left: mean, right: mean });
      const again = graph.add('again', { op: 'meanFeatures', input: square });
      graph.add('pool', { op: 'pool', input: again, weights: numbers.vector(5) });
    });
  });

  it('a product of a mean and what a polynomial leaves in rows without a feature has a mask', () => {
    expectWritten((graph, x, numbers) => {
      const odd = oneOr21(graph, x, 13);
      // One feature alone, so that its sum with the others stays in range.
      const weight = { rows: 13, columns: 13, values: numbers.vector(169).map((w, i) => (i < 13 ? w : 0)) };
      const first = graph.add('first', { op: 'linear', input: x, weight });
      const mean = graph.add('mean', { op: 'meanFeatures', input: first });
      const product = graph.add('product', { op: 'multiply', left: mean, right: odd });
      graph.add('pool', { op: 'pool', input: product, weights: numbers.vector(5) });
    });
  });
});

import { evaluate, type PolynomialGraph } from '@cipherformer/model';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { type Compiled, compile } from '../../src/passes/compile.ts';
import {
  centring,
  GraphWriter,
  Numbers,
  randomInputs,
  someProgram,
  type TransformerShape,
  transformer,
} from './graphs.ts';
import { batchOf, evaluated, expectClose, run } from './running.ts';

const small: TransformerShape = {
  tokens: 4,
  features: 6,
  width: 8,
  heads: 2,
  headWidth: 4,
  hidden: 16,
  layers: 2,
  outputs: 3,
  pooling: 'mean',
};

const cases: readonly (readonly [name: string, shape: Partial<TransformerShape>, slots: number])[] = [
  ['mean pool', {}, 2 ** 8],
  ['class token', { pooling: 'class' }, 2 ** 9],
  ['five tokens', { tokens: 5 }, 2 ** 9],
  ['causal, last token', { tokens: 7, causal: true, pooling: 'last' }, 2 ** 9],
  ['causal, weighted by query and key', { tokens: 7, causal: true, byPosition: true, pooling: 'last' }, 2 ** 9],
  ['queries and keys turned by position', { tokens: 7, causal: true, turned: true, pooling: 'last' }, 2 ** 9],
  [
    'weighted by query and key, no padding',
    { tokens: 16, causal: true, byPosition: true, heads: 3, width: 12 },
    2 ** 9,
  ],
  ['sixteen tokens, no padding', { tokens: 16, causal: true }, 2 ** 9],
  ['padding known to the client alone', { tokens: 6, masked: true }, 2 ** 9],
  ['layer normalisation', { layerNorm: true, tokens: 6 }, 2 ** 9],
  ['layer normalisation over several ciphertexts', { layerNorm: true, width: 24, headWidth: 12 }, 2 ** 6],
  ['heads wider than the sequence', { tokens: 4, headWidth: 8, heads: 2 }, 2 ** 8],
  ['three heads of five features', { heads: 3, headWidth: 5, width: 15 }, 2 ** 9],
  ['heads spread over ciphertexts', { heads: 5, headWidth: 4, width: 20, hidden: 40 }, 2 ** 6],
  ['inputs spread over ciphertexts', { features: 21, width: 12 }, 2 ** 6],
  ['outputs over all tokens, mean pool', { outputs: 600 }, 2 ** 8],
  ['outputs over all tokens, class token', { outputs: 600, pooling: 'class' }, 2 ** 8],
  ['outputs over all tokens, pooled by the client', { outputs: 600, pooling: 'chosen' }, 2 ** 8],
  ['outputs over all tokens, features over ciphertexts', { outputs: 530, tokens: 5, width: 72 }, 2 ** 9],
  ['wide, causal, heads over ciphertexts', { tokens: 5, heads: 3, causal: true, width: 12, hidden: 33 }, 2 ** 7],
  [
    'weighted by query and key, heads over ciphertexts',
    { tokens: 5, heads: 5, causal: true, byPosition: true, width: 20, headWidth: 4 },
    2 ** 6,
  ],
];

const refreshes = ({ program }: Compiled) => program.instructions.filter(({ op }) => op === 'bootstrap');

describe('transformers, compiled and run on clear slots, against the graph evaluated directly', () => {
  for (const [name, change, slots] of cases)
    it(name, () => {
      const shape = { ...small, ...change };
      const inputs = randomInputs(shape, 7);
      const graph = transformer(shape, 3).calibrated([inputs, randomInputs(shape, 8)]);
      const compiled = compile(graph, { slots });
      expectClose(run(compiled, inputs), evaluate(graph, inputs));
      expect(refreshes(compiled).length).toBeGreaterThan(0);
    });

  it('four examples at once', () => {
    const shape = { ...small, tokens: 6, masked: true };
    const inputs = [1, 2, 3, 4].map((seed) => randomInputs(shape, seed));
    const graph = transformer(shape, 5).calibrated(inputs);
    const compiled = compile(graph, { slots: 2 ** 10, batch: 4 });
    expectClose(run(compiled, batchOf(inputs)), evaluated(graph, inputs));
  });

  it('many outputs of two examples take the slots of all tokens: few ciphertexts, few diagonals', () => {
    const shape = { ...small, outputs: 1100, width: 8 };
    const inputs = [1, 2].map((seed) => randomInputs(shape, seed));
    const graph = transformer(shape, 5).calibrated(inputs);
    const compiled = compile(graph, { slots: 2 ** 9, batch: 2 });
    expectClose(run(compiled, batchOf(inputs)), evaluated(graph, inputs));
    const outputs = compiled.program.outputs.filter((output) => output.name === 'logits');
    // 256 slots an example, where its 64 rows alone would make 18.
    expect(outputs.map(({ slots }) => slots.length)).toEqual([512, 512, 512, 512, 152]);
  });

  it('finds slots beyond 1 where bounds are too small: a bad control', () => {
    const inputs = randomInputs(small, 7);
    const graph = transformer(small, 3).calibrated([inputs], 0.5);
    const { program } = compile(graph, { slots: 2 ** 8 });
    expect(runClear(program, packInputs(program, inputs)).outOfRangeOperands.length).toBeGreaterThan(0);
  });
});

/** A graph of a few nodes after one linear map of the input, compiled and compared. */
function expectSame(
  write: (graph: GraphWriter, x: number, numbers: Numbers) => void,
  { tokens = 5, slots = 2 ** 8, features = 6 } = {},
) {
  const numbers = new Numbers(11);
  const graph = new GraphWriter(tokens);
  const input = graph.add('input', { op: 'input', features });
  const weight = numbers.matrix(features, features);
  const x = graph.add('x', { op: 'linear', input, weight, bias: numbers.vector(features, 0.2) });
  write(graph, x, numbers);
  const last = graph.nodes.length - 1;
  graph.add('pool', { op: 'pool', input: last, weights: numbers.vector(tokens) });
  const inputs = { input: new Numbers(12).vector(tokens * features) };
  const calibrated: PolynomialGraph = graph.calibrated([inputs]);
  const compiled = compile(calibrated, { slots });
  expectClose(run(compiled, inputs), evaluate(calibrated, inputs));
  return compiled;
}

const rescales = ({ lowered }: Compiled) => lowered.groups.filter(({ source }) => source.endsWith('.rescale')).length;

describe('a diagonal and a sum over the features', () => {
  const skip = (features: number) => (graph: GraphWriter, input: number, numbers: Numbers) =>
    graph.add('skip', { op: 'linear', input, weight: centring(features, numbers), bias: numbers.vector(features) });
  const summed = ({ program }: Compiled) =>
    program.instructions.filter(({ op, source }) => op === 'rotateSum' && source === 'skip').length;

  for (const [name, features, slots] of [
    ['in one ciphertext', 128, 2 ** 10],
    ['over two', 128, 2 ** 9],
    ['with rows without a feature', 100, 2 ** 10],
  ] as const)
    it(`${name}: rotations and two products`, () => {
      const compiled = expectSame(skip(features), { slots, features });
      expect(summed(compiled)).toBe(1);
    });

  it('beside another map of the same value, at a level of its own', () => {
    const compiled = expectSame((graph, x, numbers) => {
      const up = graph.add('up', { op: 'linear', input: x, weight: numbers.matrix(128, 128, 0.1) });
      const act = graph.add('act', { op: 'polynomial', input: up, program: someProgram([-4, 4], 3, numbers) });
      const left = graph.add('out', { op: 'linear', input: act, weight: numbers.matrix(128, 128, 0.1) });
      graph.add('sum', { op: 'add', left, right: skip(128)(graph, x, numbers) });
    }, { slots: 2 ** 10, features: 128 }); // biome-ignore format: one graph
    expect(summed(compiled)).toBe(1);
    const levels = (name: string) =>
      compiled.program.instructions.flatMap(({ op, source, level }) =>
        op === 'linear' && source === name ? level : [],
      );
    expect(levels('skip')[0]).toBeLessThan(levels('up')[0]!);
  });

  it('by the dense matrix where rows without a feature hold what must not be summed, and where that costs less', () => {
    const unclean = expectSame((graph, x, numbers) => {
      const act = graph.add('act', { op: 'polynomial', input: x, program: someProgram([-20, 25], 3, numbers) });
      skip(100)(graph, act, numbers);
    }, { slots: 2 ** 10, features: 100 }); // biome-ignore format: one graph
    expect(summed(unclean)).toBe(0);
    expect(summed(expectSame(skip(6)))).toBe(0);
  });
});

describe('factors, shifts and empty rows', () => {
  it('one value for two polynomials of different intervals: one rescale', () => {
    const compiled = expectSame((graph, x, numbers) => {
      const left = graph.add('p', { op: 'polynomial', input: x, program: someProgram([-4, 5], 3, numbers) });
      const right = graph.add('q', { op: 'polynomial', input: x, program: someProgram([-7, 5], 5, numbers) });
      graph.add('sum', { op: 'add', left, right });
    });
    expect(rescales(compiled)).toBe(1);
  });

  it('one value for two polynomials of one asymmetric interval and a sum: no rescale', () => {
    const compiled = expectSame((graph, x, numbers) => {
      const left = graph.add('p', { op: 'polynomial', input: x, program: someProgram([-4, 5], 3, numbers) });
      const right = graph.add('q', { op: 'polynomial', input: x, program: someProgram([-4, 5], 5, numbers) });
      const sum = graph.add('sum', { op: 'add', left, right });
      graph.add('sum with x', { op: 'add', left: sum, right: x });
    });
    expect(rescales(compiled)).toBe(0);
  });

  it('a value plus a product of itself', () => {
    const compiled = expectSame((graph, x) => {
      const square = graph.add('square', { op: 'multiply', left: x, right: x });
      graph.add('sum', { op: 'add', left: x, right: square });
    });
    expect(rescales(compiled)).toBe(1);
  });

  it('the sum of two products', () => {
    expectSame((graph, x, numbers) => {
      const y = graph.add('y', { op: 'linear', input: x, weight: numbers.matrix(6, 6) });
      const left = graph.add('square', { op: 'multiply', left: y, right: y });
      const right = graph.add('product', { op: 'multiply', left: x, right: y });
      graph.add('sum', { op: 'add', left, right });
    });
  });

  it('the mean of a polynomial, whose value at 0 fills rows without a feature', () => {
    const compiled = expectSame((graph, x, numbers) => {
      const p = graph.add('p', { op: 'polynomial', input: x, program: someProgram([-4, 5], 3, numbers) });
      const mean = graph.add('mean', { op: 'meanFeatures', input: p });
      graph.add('product', { op: 'multiply', left: p, right: mean });
    });
    expect(rescales(compiled)).toBe(1);
  });

  it('a program whose last step is a sum with whole factors', () => {
    expectSame((graph, x) => {
      const steps = [
        { op: 'polynomial', value: 0, coefficients: [0.1, 0.5, 0.2] },
        { op: 'square', value: 1 },
        { op: 'affine', terms: [{ value: 2, factor: 2 }], offset: -0.3 },
      ] as const;
      graph.add('p', { op: 'polynomial', input: x, program: { interval: [-4, 4], steps } });
    });
  });

  it('a pooled value through a polynomial and another linear map', () => {
    const numbers = new Numbers(21);
    const graph = new GraphWriter(6);
    const input = graph.add('input', { op: 'input', features: 5 });
    const pooled = graph.add('class', { op: 'pool', input, weights: Float32Array.from([1, 0, 0, 0, 0, 0]) });
    const x = graph.add('pooler', {
      op: 'linear',
      input: pooled,
      weight: numbers.matrix(5, 5),
      bias: numbers.vector(5),
    });
    const act = graph.add('act', { op: 'polynomial', input: x, program: someProgram([-3, 4], 7, numbers) });
    graph.add('head', { op: 'linear', input: act, weight: numbers.matrix(2, 5), bias: numbers.vector(2) });
    const inputs = { input: numbers.vector(30) };
    const calibrated = graph.calibrated([inputs]);
    expectClose(run(compile(calibrated, { slots: 2 ** 8 }), inputs), evaluate(calibrated, inputs));
  });

  it('refuses graphs without calibrated bounds and heads that share a value, and says how to fix them', () => {
    const graph = transformer(small, 3);
    const nodes = graph.nodes.map((node) => ({ ...node, bound: Number.POSITIVE_INFINITY }));
    const output = nodes.length - 1;
    expect(() => compile({ tokens: 4, nodes, output }, { slots: 2 ** 8 })).toThrow(/calibrate/);
    expect(() => compile(graph.calibrated([randomInputs(small, 1)]), { slots: 2 })).toThrow(/slots/);
  });
});

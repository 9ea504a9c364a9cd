// Row 16: refreshed values in the range check, on clear and on simulated slots, against the slots worked out directly.
import { BootstrapPlan, Parameters } from '@cipherformer/ckks';
import { type GraphInputs, PolynomialEvaluator, type PolynomialGraph } from '@cipherformer/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { runSimulated } from '../../../runtime/src/backends/simulate.ts';
import { planProgram } from '../../../runtime/src/keys/planned-program.ts';
import { distrust } from '../../../runtime/src/program/trust.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { insecureLiteral } from '../../../runtime/test/backends/support.ts';
import { PlacementError } from '../../src/errors.ts';
import { type Compiled, compile } from '../../src/passes/compile.ts';
import { ownSquaringsFor, refreshTolerance } from '../../src/passes/refresh-check.ts';
import { defaultMachine } from '../../src/plan/machine.ts';
import { expectedVerdict, furthest, furthestRefreshed, refreshedValues, slotsRefreshed } from './furthest.ts';
import { GraphWriter, Numbers, randomInputs, someProgram, type TransformerShape, transformer } from './graphs.ts';

const plan = new BootstrapPlan(Parameters.from(insecureLiteral, { insecure: true }));
const slots = 2 ** 10;

function verdict({ program }: Compiled, outputs: readonly Float64Array[]): 'trusted' | 'flagged' {
  const values = outputs.at(-1)!;
  expect(program.outputs.at(-1)!.name).toBe('sentinel');
  return distrust(program.outputs.at(-1)!, values) === undefined ? 'trusted' : 'flagged';
}

/** The verdict on clear and on simulated slots, which have to agree. */
function verdictOf(compiled: Compiled, inputs: GraphInputs): 'trusted' | 'flagged' {
  const packed = packInputs(compiled.program, inputs);
  const clear = verdict(compiled, runClear(compiled.program, packed).outputs);
  expect(verdict(compiled, runSimulated(planProgram(compiled.program, plan), packed).outputs)).toBe(clear);
  return clear;
}

/** The graph with bounds as if its values were so many times as large as they were when it was calibrated. */
function pushed(graph: PolynomialGraph, times: number): PolynomialGraph {
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, bound: node.bound / times })) };
}

const shape: TransformerShape = {
  ...{ tokens: 4, features: 6, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 3, outputs: 3 },
  pooling: 'mean',
};

/** A model whose bounds are reached, compiled so that what it refreshes leaves its range by the factor. */
function pushedModel(seed: number, times: number, change: Partial<TransformerShape> = {}) {
  const inputs = randomInputs({ ...shape, ...change }, seed + 1);
  const graph = pushed(transformer({ ...shape, ...change }, seed).calibrated([inputs], 1), times);
  return { inputs, graph, compiled: compile(graph, { slots }) };
}

describe('row 16: powers and tolerance', () => {
  it.each([0, 1, 2, 3, 5, 6, 24, 60, 352, 5000])(
    '%i refreshed ciphertexts: found for certain from 1.65 at most',
    (values) => {
      expect(ownSquaringsFor(values)).toBeGreaterThanOrEqual(1);
      expect(refreshTolerance(Math.max(1, values))).toBeGreaterThanOrEqual(1.1);
      expect(refreshTolerance(values)).toBeLessThanOrEqual(1.65 + 1e-9);
    },
  );

  it('whatever is refreshed, its result is out of range or far from it', () => {
    const period = plan.parameters.primeAt(0) / plan.parameters.scale;
    const refresh = (x: number) => period * plan.evalMod.clear(x / period - Math.round(x / period));
    for (const [x, y] of [[512, 0], [1024.3, 0.3], [4, 3.9996]] as const) expect(refresh(x)).toBeCloseTo(y, 3); // biome-ignore format: a table
    const sizes = fc.oneof(
      fc.double({ min: 1.7, max: 600, noNaN: true }),
      fc.double({ min: 1.7, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(sizes, fc.constantFrom(1, -1), (size, sign) => {
        const y = refresh(sign * size);
        expect(Math.abs(y) > 1.65 || Math.abs(y - sign * size) > 400).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('row 16: streams that leave their range at a bootstrap', () => {
  it.each([0.5, 1, 1.5, 1.66, 4, 10, 100, 511, 600, 1e4, 1e9])('%d times the bound, arguments in range', (times) => {
    const { inputs, graph, compiled } = pushedModel(3, times);
    const values = refreshedValues(compiled);
    expect(values.length).toBeGreaterThan(0);
    // What leaves its range leaves it at bootstraps alone: the arguments did not see it.
    expect(furthest(graph, inputs)).toBeLessThan(1);
    expect(furthestRefreshed(compiled, inputs)).toBeGreaterThan(0.99 * times);
    expect(furthestRefreshed(compiled, inputs)).toBeLessThan(1.01 * times);
    const found = verdictOf(compiled, inputs);
    if (times <= 1) expect(found).toBe('trusted');
    if (times >= 1.66) expect(found).toBe('flagged');
  });

  it('random models: never in range, always from the tolerance on', () => {
    const changes = fc.record({
      tokens: fc.integer({ min: 2, max: 7 }),
      causal: fc.boolean(),
      masked: fc.boolean(),
      layerNorm: fc.boolean(),
      width: fc.constantFrom(7, 8, 12),
      layers: fc.integer({ min: 2, max: 3 }),
      activationDegree: fc.constantFrom(7, 15),
      mapDegree: fc.constantFrom(3, 7),
      pooling: fc.constantFrom('mean' as const, 'last' as const),
    });
    const times = fc.constantFrom(1.66, 4, 10, 600, 1024);
    const seen = { trusted: 0, flagged: 0 };
    fc.assert(
      fc.property(changes, fc.integer({ min: 0, max: 1e6 }), times, (change, seed, far) => {
        for (const factor of [1, far]) {
          const { inputs, graph, compiled } = pushedModel(seed, factor, change);
          const expected = expectedVerdict(compiled, graph, inputs);
          if (refreshedValues(compiled).length === 0 || !expected) continue;
          expect(verdictOf(compiled, inputs)).toBe(expected);
          seen[expected]++;
        }
      }),
      { numRuns: 4, seed: 16 },
    );
    expect(Math.min(seen.trusted, seen.flagged)).toBeGreaterThan(1);
  }, 120_000);

  it('a value that bootstraps give back as 0: all slots at the wrap-around, which only the operand tells', () => {
    const { graph, inputs } = chain();
    for (const [value, expected] of [
      [1, 'trusted'],
      [512, 'flagged'],
      [1024, 'flagged'],
      [1024.3, 'flagged'],
      [2048, 'flagged'],
    ] as const) {
      // biome-ignore format: a table
      const compiled = compile(graph, { slots });
      const { program } = compiled;
      const planned = planProgram(program, plan);
      const packed = packInputs(program, inputs).map((values) => values.fill(value));
      expect(verdict(compiled, runSimulated(planned, packed).outputs), `${value}`).toBe(expected);
    }
  });
});

describe('row 16: slots and models', () => {
  it('slots without a number do not count: p(0) far beyond the bound in padding and in rows without a feature', () => {
    const numbers = new Numbers(5);
    const graph = new GraphWriter(5);
    const input = graph.add('input', { op: 'input', features: 6 });
    const up = graph.add('up', {
      op: 'linear',
      input,
      weight: numbers.matrix(6, 6, 0.3),
      bias: new Float32Array(6).fill(3),
    });
    // 50 (t - 3/4)^2 of t = x / 4: about 28 at 0, small where x is near 3.
    const coefficients = [50 * (0.5 + 0.75 ** 2), -75, 25];
    const act = graph.add('act', {
      op: 'polynomial',
      input: up,
      program: { interval: [-4, 4], steps: [{ op: 'polynomial', value: 0, coefficients }] },
    });
    // Hardly more than 1 everywhere, so that the products keep what they have in all slots.
    const one = graph.add('one', {
      op: 'polynomial',
      input: up,
      program: { interval: [-4, 4], steps: [{ op: 'polynomial', value: 0, coefficients: [1, 0.001] }] },
    });
    let value = act;
    for (let i = 0; i < 16; i++) value = graph.add(`step ${i}`, { op: 'multiply', left: value, right: one });
    graph.add('out', { op: 'linear', input: value, weight: numbers.matrix(2, 6) });
    const inputs = { input: numbers.vector(30) };
    const calibrated = graph.calibrated([inputs], 1);
    const compiled = compile(calibrated, { slots });
    const beyond = slotsRefreshed(compiled, inputs).filter(
      ({ tensor, values }) => tensor.mask && values.some((x) => Math.abs(x) > 5),
    );
    expect(beyond.length).toBeGreaterThan(0);
    expect(furthestRefreshed(compiled, inputs)).toBeLessThan(1 + 1e-6);
    expect(verdictOf(compiled, inputs)).toBe('trusted');
    const products = calibrated.nodes.map((node) => ({
      ...node,
      bound: node.bound / (node.op === 'multiply' || node.name === 'act' ? 4 : 1),
    }));
    expect(verdictOf(compile({ ...calibrated, nodes: products }, { slots }), inputs)).toBe('flagged');
  });

  it('what a mask keeps is exactly the numbers of the value', () => {
    const changes = { tokens: 5, mapDegree: 7, activationDegree: 7 };
    let masked = 0;
    for (const layers of [2, 3, 4]) {
      const { inputs, graph, compiled } = pushedModel(layers, 1, { ...changes, layers });
      const numbers = new Map<string, number[]>();
      new PolynomialEvaluator(graph).run(inputs, (node, values) => {
        numbers.set(graph.nodes[node]!.name, [...values].map(Math.abs));
      });
      const found = new Map<string, number[]>();
      for (const { tensor, ciphertext, values } of slotsRefreshed(compiled, inputs)) {
        const mask = tensor.mask?.[ciphertext]?.values();
        if (!mask) continue;
        const kept = [...values].map(Math.abs).filter((_, slot) => mask[slot] !== 0);
        found.set(tensor.name, [...(found.get(tensor.name) ?? []), ...kept]);
        masked++;
      }
      for (const [name, kept] of found) {
        const all = numbers.get(name)!;
        const factor = Math.max(...kept) / Math.max(...all);
        const near = (a: number, list: readonly number[]) => list.some((b) => Math.abs(a - b) < 1e-9);
        expect(
          kept.every((x) => near(x / factor, all)),
          name,
        ).toBe(true);
        expect(
          all.every((x) =>
            near(
              x,
              kept.map((y) => y / factor),
            ),
          ),
          name,
        ).toBe(true);
      }
    }
    expect(masked).toBeGreaterThan(0);
  });

  it('a model without polynomials is checked where it refreshes, and has no range where it does not', () => {
    const { graph, inputs } = chain();
    expect(compile(graph, { slots }).program.outputs.map(({ name }) => name)).toEqual(['logits', 'sentinel']);
    const short = { ...graph, nodes: graph.nodes.slice(0, 3), output: 2 };
    expect(compile(short, { slots }).program.outputs.map(({ name }) => name)).toEqual(['logits']);
    expect(verdictOf(compile(graph, { slots }), inputs)).toBe('trusted');
    expect(verdictOf(compile(pushed(graph, 1.66), { slots }), inputs)).toBe('flagged');
  });

  it('a model that refreshes more ciphertexts than its powers are high', () => {
    const { graph, inputs } = chain([], 32);
    for (const [times, expected] of [
      [1, 'trusted'],
      [1.66, 'flagged'],
      [600, 'flagged'],
    ] as const) {
      // biome-ignore format: a table
      const compiled = compile(pushed(graph, times), { slots: 2 ** 4 });
      expect(refreshedValues(compiled).length).toBeGreaterThanOrEqual(8);
      // One value alone: that all are out of range together is found earlier.
      const packed = packInputs(compiled.program, { value: inputs.value!.map((x, i) => (i === 5 ? x : 0)) });
      expect(verdict(compiled, runClear(compiled.program, packed).outputs), `x${times}`).toBe(expected);
    }
  });

  it.each([
    [{ bootstrapOutputLevel: 5 }, /needs 6 levels after its bootstrap, which leaves 5/],
    [{ bootstrapInputLevel: 1 }, /needs 2 levels before its bootstrap, which begins at 1/],
  ] as const)('parameters without the levels for it are refused: %o', (levels, message) => {
    const machine = { ...defaultMachine(), ...levels };
    const refused = () => compile(chain([2, 3, 4, 5, 6]).graph, { slots, machine });
    expect(refused).toThrow(PlacementError);
    expect(refused).toThrow(message);
  });
});

/** A value through so many identities that it is refreshed as it came, and a polynomial of it for each interval. */
function chain(intervals: readonly number[] = [], features = 4): { graph: PolynomialGraph; inputs: GraphInputs } {
  const graph = new GraphWriter(4);
  const values = Float32Array.from({ length: features ** 2 }, (_, k) => (k % (features + 1) === 0 ? 1 : 0));
  const weight = { rows: features, columns: features, values };
  let value = graph.add('value', { op: 'input', features });
  const polynomials = intervals.map((end) =>
    graph.add(`act ${end}`, { op: 'polynomial', input: 0, program: someProgram([-end, end], 2, new Numbers(end)) }),
  );
  for (let i = 0; i < 20; i++) value = graph.add(`step ${i}`, { op: 'linear', input: value, weight });
  for (const right of polynomials) value = graph.add(`sum ${right}`, { op: 'add', left: value, right });
  // What leaves a program for each of several tokens is one ciphertext.
  const first = { rows: 4, columns: features, values: values.slice(0, 4 * features) };
  if (features > 4) graph.add('first', { op: 'linear', input: value, weight: first });
  const inputs = { value: new Float32Array(4 * features).fill(1) };
  return { graph: graph.calibrated([inputs], 1), inputs };
}

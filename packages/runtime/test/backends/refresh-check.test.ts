// Row 16, encrypted on an insecure ring: streams that leave their range at a bootstrap, arguments in range.
import type { GraphInputs, PolynomialGraph } from '@cipherformer/model';
import { expect, it } from 'vitest';
import { type Compiled, compile } from '../../../compiler/src/passes/compile.ts';
import { furthest, furthestRefreshed } from '../../../compiler/test/passes/furthest.ts';
import { GraphWriter, randomInputs, type TransformerShape, transformer } from '../../../compiler/test/passes/graphs.ts';
import { runCkks } from '../../src/backends/ckks.ts';
import { planProgram } from '../../src/keys/planned-program.ts';
import { packInputs } from '../../src/program/values.ts';
import { Machine, slots, verdicts } from './support.ts';

const shape: TransformerShape = {
  ...{ tokens: 4, features: 6, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 3, outputs: 3 },
  pooling: 'mean',
};
const inputs = randomInputs(shape, 4);
const reached = transformer(shape, 3).calibrated([inputs], 1);

/** The model with bounds so many times too small. */
function pushed(times: number): { graph: PolynomialGraph; compiled: Compiled } {
  const graph = { ...reached, nodes: reached.nodes.map((node) => ({ ...node, bound: node.bound / times })) };
  return { graph, compiled: compile(graph, { slots }) };
}

async function reasons(machine: Machine, { program }: Compiled, given: GraphInputs): Promise<(string | undefined)[]> {
  const packed = packInputs(program, given);
  const ciphertexts = program.inputs.map(({ level }, i) => machine.encrypt(packed[i]!, level));
  using result = await runCkks(machine.server, planProgram(program, machine.plan), ciphertexts);
  for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
  return verdicts(machine, program, result.outputs);
}

it('row 16: encrypted answers are flagged where a refreshed value was out of range', { timeout: 300_000 }, async () => {
  using context = await Machine.context();
  using machine = new Machine(context, pushed(1).compiled.program);
  for (const times of [1, 1.66, 4, 10, 512, 600, 1024]) {
    const { graph, compiled } = pushed(times);
    expect(furthest(graph, inputs)).toBeLessThan(1);
    expect(furthestRefreshed(compiled, inputs) / times).toBeCloseTo(1, 2);
    const found = await reasons(machine, compiled, inputs);
    if (times === 1) expect(found).toEqual(found.map(() => undefined));
    else expect(found.at(-1), `x${times}`).toMatch(/its refreshed values is beyond .*, the most in range/);
  }
});

/** Two inputs, each through so many identities that it is refreshed as it came, and their sum. */
function twoStreams(): PolynomialGraph {
  const graph = new GraphWriter(4);
  const weight = { rows: 4, columns: 4, values: Float32Array.from({ length: 16 }, (_, k) => (k % 5 === 0 ? 1 : 0)) };
  let streams = ['left', 'right'].map((name) => graph.add(name, { op: 'input', features: 4 }));
  for (let i = 0; i < 20; i++)
    streams = streams.map((input, k) => graph.add(`step ${i} of ${k}`, { op: 'linear', input, weight }));
  graph.add('sum', { op: 'add', left: streams[0]!, right: streams[1]! });
  return graph.calibrated([{ left: constant(1), right: constant(-1) }], 1);
}

function constant(value: number): Float32Array {
  return new Float32Array(16).fill(value);
}

it('row 16: a pair in one complex bootstrap, of which one alone is out of range', { timeout: 300_000 }, async () => {
  const compiled = compile(twoStreams(), { slots });
  const refreshed = compiled.program.instructions.flatMap((one) => (one.op === 'bootstrap' ? [one.inputs.length] : []));
  expect(refreshed).toEqual([2]);
  using context = await Machine.context();
  using machine = new Machine(context, compiled.program);
  const cases = [[1, 1], [-1, 1], [1, -1.66], [4, -1], [0, 512], [1024.3, 0.5], [-0.5, 1536]] as const; // biome-ignore format: a table
  for (const [left, right] of cases) {
    const found = await reasons(machine, compiled, { left: constant(left), right: constant(right) });
    const inRange = Math.max(Math.abs(left), Math.abs(right)) <= 1;
    expect(found.at(-1) === undefined, `${left}, ${right}: ${found.at(-1)}`).toBe(inRange);
  }
});

// How much noise a program adds to logits: predicted when it is compiled, measured on insecure rings of two scales; and the
// parameters that are chosen by it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapLiteral, defaultBootstrapChain, Parameters, preciseBootstrapChain } from '@cipherformer/ckks';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { compile, connect } from 'cipherformer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insecureCli } from '../commands/cli.ts';
import { tinyModel } from '../commands/tiny-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'precision-'));
const at = (name: string) => join(folder, name);
/** Four layers: several bootstraps, one after the other. */
const model = tinyModel(3, 4);
/** Bounds far above what its values are: they are refreshed as small numbers, next to which noise is large. */
const faint = {
  ...model,
  graph: { ...model.graph, nodes: model.graph.nodes.map((node) => (node.op !== 'input' ? { ...node, bound: 1e5 * node.bound } : node)) },
}; // biome-ignore format: short

beforeAll(() => {
  savePolynomialModel(at('model'), model);
  savePolynomialModel(at('faint'), faint);
});
afterAll(() => rmSync(folder, { recursive: true }));

const picture = (seed: number) => ({ pixels: Array.from({ length: 16 }, (_, i) => (i * seed) % 256) });
const small = (chain: typeof defaultBootstrapChain) =>
  Parameters.from(bootstrapLiteral({ ...chain, logN: 10 }), { insecure: true });

/** The largest difference of a logit at unit spread, over some encrypted answers, and what was predicted. */
async function differences(chain: typeof defaultBootstrapChain) {
  const parameters = small(chain);
  const name = `program-${chain.scaleBits}`;
  using program = await compile(at('model'), { folder: at(name), parameters });
  const inputs = [11, 37, 41, 73].map(picture);
  await using connection = await connect(at(name), { insecure: true });
  let measured = 0;
  for (const [i, { logits, inRange }] of (await connection.ask(inputs)).reveal().results.entries()) {
    expect(inRange).toBe(true);
    const exact = [...evaluate(model.graph, prepareInput(model, inputs[i]!))];
    const mean = exact.reduce((sum, value) => sum + value / exact.length, 0);
    const spread = Math.sqrt(exact.reduce((sum, value) => sum + (value - mean) ** 2 / exact.length, 0));
    measured = Math.max(measured, ...exact.map((value, k) => Math.abs(logits![k]! - value) / spread));
  }
  const { bootstraps, errorAtUnitSpread } = program.manifest.predicted;
  expect(bootstraps).toBeGreaterThan(3);
  return { measured, predicted: errorAtUnitSpread! };
}

it('the predicted error at unit spread is the measured one within a factor of 4, and the precise chain has a thirtieth of it', async () => {
  const usual = await differences({ ...defaultBootstrapChain });
  const precise = await differences({ ...preciseBootstrapChain });
  for (const { measured, predicted } of [usual, precise]) {
    expect(measured / predicted).toBeLessThan(4);
    expect(measured / predicted).toBeGreaterThan(1 / 4);
  }
  expect(precise.predicted).toBeLessThan(usual.predicted / 30);
  expect(precise.measured).toBeLessThan(usual.measured / 30);
}, 240_000);

it('high precision is chosen where the error asks for it, or by name', async () => {
  const scales: Record<string, number> = {};
  for (const [name, options] of [
    ['model', {}],
    ['faint', {}],
    ['model', { precision: 'high' }],
  ] as const) {
    using program = await compile(at(name), { folder: at(`${name}-${options.precision ?? 'chosen'}`), ...options });
    scales[`${name} ${options.precision ?? 'chosen'}`] = program.manifest.parameters.scaleBits;
  }
  expect(scales).toEqual({ 'model chosen': 40, 'faint chosen': 45, 'model high': 45 });
  const { code, err, out } = await insecureCli('compile', at('faint'), '--out', at('usual'), '--precision', 'usual');
  expect([code, err, out]).toEqual([0, expect.stringContaining('compile with --precision high'), expect.stringContaining('at unit spread')]); // biome-ignore format: a list
}, 240_000);

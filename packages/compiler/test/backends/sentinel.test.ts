// Encrypted runs of inputs in and out of range, and what the client makes of them.
import { type GraphInputs, recordValues } from '@cipherformer/nn/polynomial';
import { expect, it } from 'vitest';
import { runCkks } from '../../src/backends/ckks.ts';
import { compile, packInputs } from '../../src/index.ts';
import { distrust } from '../../src/program/trust.ts';
import { randomInputs, type TransformerShape, transformer } from '../passes/graphs.ts';
import { Machine, slots } from './support.ts';

const shape: TransformerShape = {
  ...{ tokens: 4, features: 4, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
  pooling: 'mean',
};

/** How far the worst argument of a polynomial is outside its interval, in halves of the interval. */
function excess(graph: Parameters<typeof recordValues>[0], inputs: GraphInputs): number {
  const record = recordValues(graph, [inputs]);
  if (record.broken) return Number.POSITIVE_INFINITY;
  return Math.max(
    ...record.sites.map(({ interval: [lo, hi], low, high }) => Math.max(lo - low, high - hi) / ((hi - lo) / 2)),
  );
}

it('encrypted answers are flagged as the clear evaluation says', { timeout: 300_000 }, async () => {
  const given = randomInputs(shape, 7);
  const graph = transformer(shape, 3).calibrated([given, randomInputs(shape, 8)]);
  const { program } = compile(graph, { slots });
  using context = await Machine.context();
  using machine = new Machine(context, program);
  const seen = { trusted: 0, flagged: 0 };
  for (const factor of [0.2, 1, 4, 6, 10, 30, 1000]) {
    const inputs = { input: given.input!.map((value) => value * factor) };
    const packed = packInputs(program, inputs);
    const ciphertexts = program.inputs.map(({ level }, i) => machine.encrypt(packed[i]!, level));
    using result = await runCkks(machine.server, program, ciphertexts);
    for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
    // As the server sends them: at level 1 at most.
    const reasons = result.outputs.map((output, i) => {
      using sent = output.dropTo(Math.min(output.level, 1));
      return distrust(program.outputs[i]!, machine.decrypt(sent));
    });
    const flagged = reasons.some((reason) => reason !== undefined);
    const far = excess(graph, inputs);
    if (far <= 0) expect(flagged, `x${factor}: ${far}, ${reasons}`).toBe(false);
    if (far >= 0.1) expect(flagged, `x${factor}: ${far}`).toBe(true);
    seen[flagged ? 'flagged' : 'trusted']++;
  }
  expect(seen.trusted).toBeGreaterThan(1);
  expect(seen.flagged).toBeGreaterThan(2);
});

// Encrypted runs of inputs in and out of range, and what the client makes of them.
import { expect, it } from 'vitest';
import { compile } from '../../../compiler/src/passes/compile.ts';
import { expectedVerdict } from '../../../compiler/test/passes/furthest.ts';
import { randomInputs, type TransformerShape, transformer } from '../../../compiler/test/passes/graphs.ts';
import { runCkks } from '../../src/backends/ckks.ts';
import { packInputs } from '../../src/program/values.ts';
import { Machine, slots, verdicts } from './support.ts';

const shape: TransformerShape = {
  ...{ tokens: 4, features: 4, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
  pooling: 'mean',
};

it('encrypted answers are flagged as the clear evaluation says', { timeout: 300_000 }, async () => {
  const given = randomInputs(shape, 7);
  const graph = transformer(shape, 3).calibrated([given, randomInputs(shape, 8)]);
  const compiled = compile(graph, { slots });
  const { program } = compiled;
  using context = await Machine.context();
  using machine = new Machine(context, program);
  const seen = { trusted: 0, flagged: 0 };
  for (const factor of [0.2, 1, 4, 6, 10, 30, 1000]) {
    const inputs = { input: given.input!.map((value) => value * factor) };
    const packed = packInputs(program, inputs);
    const ciphertexts = program.inputs.map(({ level }, i) => machine.encrypt(packed[i]!, level));
    using result = await runCkks(machine.server, machine.planned, ciphertexts);
    for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
    const reasons = verdicts(machine, program, result.outputs);
    const verdict = reasons.every((reason) => reason === undefined) ? 'trusted' : 'flagged';
    const expected = expectedVerdict(compiled, graph, inputs);
    if (expected) expect(verdict, `x${factor}: ${reasons}`).toBe(expected);
    seen[verdict]++;
  }
  expect(seen.trusted).toBeGreaterThan(1);
  expect(seen.flagged).toBeGreaterThan(2);
});

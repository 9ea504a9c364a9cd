// The model that ships, encrypted on a small insecure ring: the client's verdict is that of the clear evaluation.
import { bootstrapLiteral, Context, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import { expect, it } from 'vitest';
import { compile } from '../../../compiler/src/passes/compile.ts';
import { digits, digitsModel, manglings } from '../../../compiler/test/passes/digits.ts';
import { expectedVerdict } from '../../../compiler/test/passes/furthest.ts';
import { runCkks } from '../../src/backends/ckks.ts';
import { packInputs } from '../../src/program/values.ts';
import { Machine, verdicts } from './support.ts';

const insecure = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 12 }), { insecure: true });

it('encrypted digits are trusted, mangled ones flagged', async () => {
  const { graph } = digitsModel;
  const compiled = compile(graph, { slots: insecure.maxSlots });
  const { program } = compiled;
  using context = await Context.create(insecure, { threads: 1, insecure: true });
  using machine = new Machine(context, program);
  const image = digits();
  const given = [image(0), image(1), ...[0, 1].flatMap((i) => Object.values(manglings).map((c) => image(i, c)))];
  const seen = { trusted: 0, flagged: 0 };
  for (const inputs of given) {
    const packed = packInputs(program, inputs);
    const ciphertexts = program.inputs.map(({ level }, i) => machine.encrypt(packed[i]!, level));
    using result = await runCkks(machine.server, machine.planned, ciphertexts);
    for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
    const reason = verdicts(machine, program, result.outputs).at(-1);
    const expected = expectedVerdict(compiled, graph, inputs);
    if (expected === 'trusted') expect(reason).toBeUndefined();
    if (expected === 'flagged') expect(reason).toMatch(/the sum over the arguments/);
    seen[reason === undefined ? 'trusted' : 'flagged']++;
  }
  expect(Math.min(seen.trusted, seen.flagged)).toBeGreaterThan(3);
});

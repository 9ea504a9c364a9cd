// The model that ships, on clear slots: no digit is flagged, everything out of range is.
import { expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { compile } from '../../src/passes/compile.ts';
import { digits, digitsModel, manglings } from './digits.ts';
import { expectedVerdict } from './furthest.ts';

it('digits are in range, and mangled ones flagged as the clear evaluation says', () => {
  const { graph } = digitsModel;
  const compiled = compile(graph, { slots: 2 ** 11 });
  const { program } = compiled;
  const { limit, name } = program.outputs.at(-1)!;
  expect(name).toBe('sentinel');
  const image = digits();
  const sentinel = (inputs: ReturnType<typeof image>) =>
    runClear(program, packInputs(program, inputs)).outputs.at(-1)!.reduce((a, b) => Math.max(a, b), 0); // biome-ignore format: short
  // Far below the limit; and for most arguments below the noise of a ciphertext, so that nobody learns them.
  for (const i of [0, 1, 2, 3]) expect(sentinel(image(i))).toBeLessThan(1e-2);
  let flagged = 0;
  for (const [kind, change] of Object.entries(manglings)) {
    const inputs = image(0, change);
    // Written so that a NaN counts.
    const far = !(sentinel(inputs) <= limit);
    const expected = expectedVerdict(compiled, graph, inputs);
    if (expected) expect(far, kind).toBe(expected === 'flagged');
    if (far) flagged++;
  }
  expect(flagged).toBeGreaterThan(3);
  expect(flagged).toBeLessThan(Object.keys(manglings).length);
});

// The model that ships, on clear slots: no digit is flagged, everything out of range is.
import { expect, it } from 'vitest';
import { compile, packInputs, runClear } from '../../src/index.ts';
import { tolerance } from '../../src/passes/sentinel.ts';
import { digits, digitsModel, manglings } from './digits.ts';
import { furthest } from './furthest.ts';

it('digits are in range, and mangled ones flagged as the clear evaluation says', () => {
  const { graph } = digitsModel;
  const { program } = compile(graph, { slots: 2 ** 11 });
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
    const most = furthest(graph, inputs);
    // Written so that a NaN counts.
    const far = !(sentinel(inputs) <= limit);
    if (most <= 1) expect(far, kind).toBe(false);
    if (most >= tolerance) expect(far, kind).toBe(true);
    if (far) flagged++;
  }
  expect(flagged).toBeGreaterThan(3);
  expect(flagged).toBeLessThan(Object.keys(manglings).length);
});

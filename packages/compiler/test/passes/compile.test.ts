import { evaluate } from '@cipherformer/nn/polynomial';
import { describe, expect, it } from 'vitest';
import { type Compiled, checkProgram, compile, packInputs, runClear } from '../../src/index.ts';
import { randomInputs, type TransformerShape, transformer } from './graphs.ts';

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
  ['padding known to the client alone', { tokens: 6, masked: true }, 2 ** 9],
  ['layer normalisation', { layerNorm: true, tokens: 6 }, 2 ** 9],
  ['layer normalisation over several ciphertexts', { layerNorm: true, width: 24, headWidth: 12 }, 2 ** 6],
  ['heads wider than the sequence', { tokens: 4, headWidth: 8, heads: 2 }, 2 ** 8],
  ['three heads of five features', { heads: 3, headWidth: 5, width: 15 }, 2 ** 9],
  ['heads spread over ciphertexts', { heads: 5, headWidth: 4, width: 20, hidden: 40 }, 2 ** 6],
  ['wide, causal, heads over ciphertexts', { tokens: 5, heads: 3, causal: true, width: 12, hidden: 33 }, 2 ** 7],
];

function runOnce(compiled: Compiled, inputs: ReturnType<typeof randomInputs>) {
  checkProgram(compiled.program, compiled.machine);
  return runClear(compiled.program, packInputs(compiled.program, inputs));
}

describe('compile, run on clear slots', () => {
  for (const [name, change, slots] of cases)
    it(`${name}: the logits of the model`, () => {
      const shape = { ...small, ...change };
      const inputs = randomInputs(shape, 7);
      const graph = transformer(shape, 3).calibrated([inputs, randomInputs(shape, 8)]);
      const compiled = compile(graph, { slots });
      const { outputs, excursions } = runOnce(compiled, inputs);
      const logits = outputs.flatMap((output) => [...output]);
      const expected = evaluate(graph, inputs);
      const largest = Math.max(...expected.map(Math.abs));
      expect(logits.length).toBe(expected.length);
      for (const [k, value] of logits.entries()) expect(Math.abs(value - expected[k]!)).toBeLessThan(1e-9 * largest);
      expect(excursions).toEqual([]);
      expect(compiled.program.instructions.some(({ op }) => op === 'bootstrap')).toBe(true);
    });
});

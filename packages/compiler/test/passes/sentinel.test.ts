// The sentinel on clear slots, against the arguments of the graph's polynomials worked out directly.
import type { GraphInputs } from '@cipherformer/model';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { resultsOf } from '../../../runtime/src/program/levels.ts';
import { distrust } from '../../../runtime/src/program/trust.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { compile } from '../../src/passes/compile.ts';
import { limitFor, squaringsFor, tolerance } from '../../src/passes/sentinel.ts';
import { expectedVerdict, furthest, furthestRefreshed } from './furthest.ts';
import { GraphWriter, Numbers, randomInputs, type TransformerShape, transformer } from './graphs.ts';

describe('powers and limit', () => {
  it.each([1, 2, 3, 12, 24, 100, 400, 1000])(
    '%i sites: apart from what can happen in range, and not too high',
    (sites) => {
      const power = 2 ** squaringsFor(sites);
      expect(limitFor(sites)).toBeGreaterThan(1.2 * sites);
      expect(tolerance ** power).toBeGreaterThan(1.2 * limitFor(sites));
      expect(tolerance ** (power / 2)).toBeLessThan(1.5 * sites);
    },
  );
});

const small: TransformerShape = {
  ...{ tokens: 4, features: 6, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
  pooling: 'mean',
};
const cases: readonly (readonly [name: string, shape: Partial<TransformerShape>, slots: number])[] = [
  ['mean pool', {}, 2 ** 8],
  ['five tokens, doubled padding', { tokens: 5 }, 2 ** 9],
  ['causal, last token', { tokens: 7, causal: true, pooling: 'last' }, 2 ** 9],
  ['padding known to the client alone', { tokens: 6, masked: true }, 2 ** 9],
  ['layer normalisation', { layerNorm: true, tokens: 6 }, 2 ** 9],
  ['layer normalisation over several ciphertexts', { layerNorm: true, width: 24, headWidth: 12 }, 2 ** 6],
  ['three heads of five features', { heads: 3, headWidth: 5, width: 15 }, 2 ** 9],
  ['heads spread over ciphertexts', { heads: 5, headWidth: 4, width: 20, hidden: 40 }, 2 ** 6],
];

function scaled(inputs: GraphInputs, factor: number): GraphInputs {
  return { ...inputs, input: inputs.input!.map((value) => value * factor) };
}

describe('programs of transformers on clear slots', () => {
  for (const [name, change, slots] of cases)
    it(`${name}: finds every argument out of range by a tenth, and none in range`, () => {
      const shape = { ...small, ...change };
      const given = randomInputs(shape, 7);
      const graph = transformer(shape, 3).calibrated([given, randomInputs(shape, 8)]);
      const compiled = compile(graph, { slots });
      const { program } = compiled;
      const sentinel = program.outputs.at(-1)!;
      const seen = { trusted: 0, flagged: 0 };
      for (const factor of [0.1, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 30, 100, 1e4, 1e8]) {
        const inputs = scaled(given, factor);
        const expected = expectedVerdict(compiled, graph, inputs);
        const values = runClear(program, packInputs(program, inputs)).outputs.at(-1)!;
        expect(values.length).toBe(slots);
        const verdict = distrust(sentinel, values) === undefined ? 'trusted' : 'flagged';
        if (expected) expect(verdict, `${name} x${factor}`).toBe(expected);
        seen[verdict]++;
      }
      expect(seen.trusted).toBeGreaterThan(1);
      expect(seen.flagged).toBeGreaterThan(2);
    });

  it('every slot holds what the arguments there sum up to', () => {
    const given = randomInputs(small, 7);
    const graph = transformer(small, 3).calibrated([given]);
    const compiled = compile(graph, { slots: 2 ** 8 });
    const { program } = compiled;
    const squarings = program.instructions.filter(({ op, source }) => op === 'multiply' && source.includes('act (s'));
    // Four arguments, and one more for what is refreshed.
    const power = 2 ** squaringsFor(5);
    expect(squarings.length).toBe(4 * squaringsFor(5));
    const values = runClear(program, packInputs(program, scaled(given, 4))).outputs.at(-1)!;
    const most = furthest(graph, scaled(given, 4)) ** power;
    const largest = values.reduce((a, b) => Math.max(a, b), 0);
    expect(largest).toBeGreaterThanOrEqual(most * (1 - 1e-9));
    expect(largest).toBeLessThan(4 * most + furthestRefreshed(compiled, scaled(given, 4)) ** power);
  });

  it('a model without polynomials has no sentinel: it has no range', () => {
    const graph = new GraphWriter(4);
    const input = graph.add('input', { op: 'input', features: 4 });
    const pooled = graph.add('pool', { op: 'pool', input, weights: Float32Array.of(1, 0, 0, 0) });
    graph.add('head', { op: 'linear', input: pooled, weight: new Numbers(1).matrix(2, 4) });
    const { program } = compile(graph.calibrated([{ input: new Numbers(2).vector(16) }]), { slots: 2 ** 6 });
    expect(program.outputs.map(({ name }) => name)).toEqual(['logits']);
  });
});

describe('a client that has the slots of an output', () => {
  const output = { name: 'logits', slots: Int32Array.of(0, 2), factor: 2, limit: 10, period: 4 } as const;

  it('trusts numbers within the limit whose copies agree', () => {
    expect(distrust(output, [1, 9, -4.9, 9, 1.05, -9, -5, 9])).toBeUndefined();
  });

  it.each([
    ['a number beyond the limit', [5.1, 0, 0, 0, 5.1, 0, 0, 0], /^a logit is beyond 10, the most in range$/],
    ['no number', [Number.NaN, 0, 0, 0, 0, 0, 0, 0], /a logit is beyond 10/],
    ['copies that differ', [1, 0, 2, 0, 1, 0, 2.5, 0], /^copies of a number differ$/],
  ])('not %s', (_, slots, reason) => {
    expect(distrust(output, slots)).toMatch(reason);
  });

  it('the copies of the logits of compiled programs agree', () => {
    for (const [, change, slots] of cases) {
      const shape = { ...small, ...change };
      const given = randomInputs(shape, 7);
      const { program } = compile(transformer(shape, 3).calibrated([given]), { slots });
      const registers = new Map<number, Float64Array>();
      runClear(program, packInputs(program, given), {
        observe: (_i, instruction, results) => {
          for (const [k, register] of resultsOf(instruction).entries()) registers.set(register, results[k]!);
        },
      });
      for (const one of program.outputs) {
        expect(one.name === 'sentinel' || one.period! < slots).toBe(true);
        expect(distrust(one, registers.get(one.register)!)).toBeUndefined();
      }
    }
  });
});

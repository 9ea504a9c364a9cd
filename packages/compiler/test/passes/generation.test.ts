// A prompt and then token after token on clear slots, with what is kept between, against the whole graph evaluated each time.
import { evaluate, type GraphInputs } from '@cipherformer/model';
import type { EncryptedProgram } from '@cipherformer/runtime';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { checkProgram } from '../../../runtime/src/program/check.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { LayoutError } from '../../src/errors.ts';
import { type CompiledGeneration, compileGeneration } from '../../src/passes/compile-generation.ts';
import { randomInputs, type TransformerShape, transformer } from './graphs.ts';
import { expectClose } from './running.ts';

const shape: TransformerShape = {
  tokens: 8,
  features: 6,
  width: 8,
  heads: 2,
  headWidth: 4,
  hidden: 16,
  layers: 2,
  outputs: 3,
  causal: true,
  pooling: 'chosen',
};

const cases: readonly (readonly [name: string, change: Partial<TransformerShape>, slots: number])[] = [
  ['plain', {}, 2 ** 9],
  ['positions by rotation and distance', { turned: true, byPosition: true, layers: 1 }, 2 ** 9],
  ['five tokens', { tokens: 5, byPosition: true }, 2 ** 9],
  ['three heads of three features', { heads: 3, headWidth: 3, width: 9 }, 2 ** 9],
  ['heads spread over ciphertexts', { heads: 5, headWidth: 4, width: 20, hidden: 40, byPosition: true }, 2 ** 6],
  ['layer normalisation', { layerNorm: true, layers: 1 }, 2 ** 9],
];

/** The first `count` tokens of an input, with the row of the last one chosen; the others stay as they are. */
const chosen = (input: ArrayLike<number>, tokens: number, count: number): GraphInputs => ({
  input: Float64Array.from(Array.from(input)),
  pooling: Float32Array.from({ length: tokens }, (_, t) => (t === count - 1 ? 1 : 0)),
});

function run(
  { whole: { machine } }: CompiledGeneration,
  program: EncryptedProgram,
  inputs: GraphInputs,
  kept: readonly Float64Array[],
) {
  checkProgram(program, machine);
  const result = runClear(program, packInputs(program, inputs), { kept });
  expect(result.outOfRangeOperands).toEqual([]);
  const logits = result.outputs.filter((_, i) => program.outputs[i]!.name === 'logits').flatMap((part) => [...part]);
  return { logits, kept: result.kept };
}

describe('a prompt and its continuation', () => {
  it.each(cases)('%s', (_, change, slots) => {
    const whole = { ...shape, ...change };
    const { tokens, features } = whole;
    const inputs = Array.from({ length: 4 }, (_, i) => randomInputs(whole, i + 1));
    const graph = transformer(whole, 7).calibrated(inputs, 2);
    const compiled = compileGeneration(graph, { slots });
    expect(compiled.tokens).toBe(tokens);
    const input = inputs[0]!.input!;
    let { logits, kept } = run(compiled, compiled.prefill(3), chosen(input, tokens, 3), []);
    expectClose(logits, evaluate(graph, chosen(input, tokens, 3)), 'the prompt', 1);
    for (let position = 3; position < tokens; position++) {
      const row = Float64Array.from(Array.from(input).slice(position * features, (position + 1) * features));
      ({ logits, kept } = run(compiled, compiled.step(position), { input: row }, kept));
      // Weights of one position are folded in float32.
      expectClose(
        logits,
        evaluate(graph, chosen(input, tokens, position + 1)),
        `token ${position}`,
        whole.turned ? 100 : 1,
      );
    }
  });

  it('steps differ in public vectors alone: one digest of structure, one level of what is kept', () => {
    const compiled = compileGeneration(transformer(shape, 7).calibrated([randomInputs(shape, 1)], 2), {
      slots: 2 ** 9,
    });
    const outline = (program: EncryptedProgram) =>
      program.instructions.map(({ op, level, source }) => `${op} ${level} ${source}`);
    expect(outline(compiled.step(0))).toEqual(outline(compiled.step(7)));
    expect(compiled.step(2).kept!.level).toBe(compiled.prefill(2).kept!.level);
    expect(compiled.step(2).kept!.inputs).toHaveLength(compiled.prefill(2).kept!.outputs.length);
  });

  it('a model that sees later tokens is refused', () => {
    const blind = { ...shape, causal: false };
    const graph = transformer(blind, 7).calibrated([randomInputs(blind, 1)], 2);
    expect(() => compileGeneration(graph, { slots: 2 ** 9 })).toThrow(LayoutError);
  });
});

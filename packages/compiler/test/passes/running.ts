// How tests run what the compiler makes: whole programs, and the groups of a lowered model without levels or bootstraps.
import { evaluate, type GraphInputs, type PolynomialGraph } from '@cipherformer/model';
import { expect } from 'vitest';
import { executeClear, runClear } from '../../../runtime/src/backends/clear.ts';
import { rotationKeys, rotationsOf } from '../../../runtime/src/keys/rotations.ts';
import { checkProgram } from '../../../runtime/src/program/check.ts';
import type { Instruction, Register } from '../../../runtime/src/program/instructions.ts';
import { resultsOf } from '../../../runtime/src/program/levels.ts';
import { ofExample, packInputs, unpackOutput } from '../../../runtime/src/program/values.ts';
import type { Geometry } from '../../src/packing/geometry.ts';
import type { Compiled } from '../../src/passes/compile.ts';
import { Emitter, type Lowered } from '../../src/passes/groups.ts';
import type { ValueLayout } from '../../src/passes/layouts.ts';

/** The inputs of a batch as a client sends them: of each input all examples, one after the other. */
export function batchOf(examples: readonly GraphInputs[]): GraphInputs {
  const names = Object.keys(examples[0]!);
  return Object.fromEntries(
    names.map((name) => [name, Float64Array.from(examples.flatMap((one) => [...one[name]!]))] as const),
  );
}

/** The graph's outputs for each example, one after the other. */
export function evaluated(graph: PolynomialGraph, examples: readonly GraphInputs[]): Float64Array {
  return Float64Array.from(examples.flatMap((one) => [...evaluate(graph, one)]));
}

/**
 * Runs a program on clear slots after its static checks, with every rotation made found among the keys and nothing out of
 * range at a bootstrap. Logits as `evaluated` has them.
 */
export function run({ program, machine, batch }: Compiled, inputs: GraphInputs): Float64Array {
  checkProgram(program, machine);
  const keys = rotationKeys(program);
  for (const instruction of program.instructions)
    for (const { rotation, level } of rotationsOf(instruction, program.slots))
      expect(keys.get(rotation)).toBeGreaterThanOrEqual(level);
  const { outputs, outOfRangeOperands } = runClear(program, packInputs(program, inputs));
  expect(outOfRangeOperands).toEqual([]);
  const logits = outputs.filter((_, i) => program.outputs[i]!.name === 'logits');
  const examples = Array.from({ length: batch }, (_, example) =>
    logits.flatMap((values) => {
      const size = values.length / batch;
      return [...values.subarray(example * size, (example + 1) * size)];
    }),
  );
  return Float64Array.from(examples.flat());
}

/** Float64 slots: only rounding differs, which sums of larger numbers may leave more of; `least`: what those are at least. */
export function expectClose(values: ArrayLike<number>, expected: ArrayLike<number>, what = '', least = 0): void {
  expect(values.length, what).toBe(expected.length);
  const numbers = Array.from(expected);
  const tolerance = 1e-8 * Math.max(least, largest(expected));
  for (const [k, number] of numbers.entries())
    expect(Math.abs(values[k]! - number), `${what} ${k}`).toBeLessThanOrEqual(tolerance);
}

/** The largest absolute value. */
export function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** What the groups of a lowered model make. */
export interface GroupsRun {
  /** For each tensor the slots of its ciphertexts. */
  readonly tensors: readonly (readonly Float64Array[])[];
  /** Every instruction with what it read first and what it made. */
  readonly steps: readonly { readonly instruction: Instruction; readonly operand: Float64Array }[];
  /** Of each example the logits. */
  readonly logits: Float64Array;
}

/** Runs all groups one after another on clear slots: the lowering alone, with neither levels nor bootstraps. */
export function runGroups({ tensors, groups, inputs, output }: Lowered, batch: number, values: GraphInputs): GroupsRun {
  const emitter = new Emitter();
  const registers = new Map<number, readonly Register[]>();
  const read = new Map<Register, Float64Array>();
  const sources = inputs.flatMap(({ tensor, name, factor, sources }) =>
    sources.map((source) => ({ tensor, name, factor, source })),
  );
  for (const [k, packed] of packInputs({ inputs: sources }, values).entries()) {
    const register = emitter.register();
    const { tensor } = sources[k]!;
    registers.set(tensor, [...(registers.get(tensor) ?? []), register]);
    read.set(register, packed);
  }
  for (const group of groups) {
    const results = group.emit(emitter, 0, group.operands.map(({ tensor }) => registers.get(tensor)!)); // biome-ignore format: one call
    for (const [k, tensor] of group.results.entries()) registers.set(tensor, results[k]!);
  }
  const masks = emitter.masks.map((mask) => mask.values());
  const steps = emitter.instructions.map((instruction) => {
    const made = executeClear(instruction, (register) => read.get(register)!, masks);
    for (const [k, register] of resultsOf(instruction).entries()) read.set(register, made[k]!);
    const operand =
      'input' in instruction ? instruction.input : 'left' in instruction ? instruction.left : instruction.inputs[0]!;
    return { instruction, operand: read.get(operand)! };
  });
  const slotsOf = (tensor: number) => registers.get(tensor)!.map((register) => read.get(register)!);
  const outputs = slotsOf(output.tensor);
  const logits = Array.from({ length: batch }, (_, example) =>
    output.reads.flatMap(({ ciphertext, slots }) => [
      ...unpackOutput({ ...ofExample({ slots }, example, batch), factor: output.factor }, outputs[ciphertext]!),
    ]),
  );
  return { tensors: tensors.map((_, tensor) => slotsOf(tensor)), steps, logits: Float64Array.from(logits.flat()) };
}

/** A number's place in a value. */
export interface Place {
  readonly ciphertext: number;
  readonly slot: number;
}

/**
 * Where the numbers of a value lie, example after example: [token, feature] of a matrix, [head, query, key] of maps. By what
 * docs/compiler.md says of rows and columns.
 */
export function slotsOf(layout: ValueLayout, geometry: Geometry): Place[] {
  const { batch, windows, tokens, paddedTokens, rowLength } = geometry;
  const examples = Array.from({ length: batch }, (_, example) => example);
  const at = (row: number, example: number, token: number) =>
    row * rowLength + (example * windows + Math.floor(token / tokens)) * paddedTokens + (token % tokens);
  const held = layout.extent.windows * layout.extent.tokens;
  if (layout.kind === 'maps') {
    const { heads, headsPerBlock } = layout.heads;
    const pairs = Array.from({ length: heads * held * tokens }, (_, i) => i);
    return examples.flatMap((example) =>
      pairs.map((i) => {
        const [head, query, key] = [Math.floor(i / (held * tokens)), Math.floor(i / tokens) % held, i % tokens];
        const column = (key - (query % tokens) + paddedTokens) % paddedTokens;
        const row = column * headsPerBlock + (head % headsPerBlock);
        return { ciphertext: Math.floor(head / headsPerBlock), slot: at(row, example, query) };
      }),
    );
  }
  const rows = layout.rows.blocks.flatMap((block, k) =>
    [...block].map((feature, row) => ({ feature, row, ciphertext: layout.uniform ? 0 : k })),
  );
  const features = rows.filter(({ feature }) => feature >= 0).sort((a, b) => a.feature - b.feature);
  return examples.flatMap((example) =>
    Array.from({ length: held }, (_, token) => token).flatMap((token) =>
      features.map(({ row, ciphertext }) => ({ ciphertext, slot: at(row, example, token) })),
    ),
  );
}

import { InputError } from '../errors.ts';
import type { ProgramInput, ProgramOutput } from './instructions.ts';

/**
 * The slots a client encrypts: slot s holds values[source[s]] * factor, or 0.
 * @param wanted how many numbers the input has; by default, one more than the last that this ciphertext holds
 * @throws InputError for another number of values or values that are not finite
 */
export function packInput(
  input: Pick<ProgramInput, 'name' | 'source' | 'factor'>,
  values: ArrayLike<number>,
  wanted = numbersIn(input.source),
): Float64Array {
  if (values.length !== wanted)
    throw new InputError(`input ${input.name} takes ${wanted} numbers, not ${values.length}: check the input's shape`);
  const slots = new Float64Array(input.source.length);
  for (const [slot, index] of input.source.entries()) {
    if (index < 0) continue;
    const value = values[index]!;
    if (!Number.isFinite(value))
      throw new InputError(`number ${index} of input ${input.name} is ${value}: only finite numbers can be encrypted`);
    slots[slot] = value * input.factor;
  }
  return slots;
}

/** One more than the last number a source reads. */
function numbersIn(source: Int32Array): number {
  return source.reduce((most, index) => Math.max(most, index + 1), 0);
}

/** The numbers of an output: slot slots[k] of its register, times factor. */
export function unpackOutput(output: Pick<ProgramOutput, 'slots' | 'factor'>, slots: ArrayLike<number>): Float64Array {
  return Float64Array.from(output.slots, (slot) => slots[slot]! * output.factor);
}

/** All inputs' slots by register. `values` by the inputs' names; a wide input is spread over several of one name. */
export function packInputs(
  { inputs }: { readonly inputs: readonly Pick<ProgramInput, 'name' | 'source' | 'factor'>[] },
  values: Readonly<Record<string, ArrayLike<number>>>,
): Float64Array[] {
  return inputs.map((input) => {
    const given = values[input.name];
    if (!given)
      throw new InputError(
        `input ${input.name} is missing: give ${inputs.map(({ name }) => name).join(', ')}, not ${Object.keys(values).join(', ') || 'nothing'}`,
      );
    const parts = inputs.filter(({ name }) => name === input.name);
    return packInput(input, given, Math.max(...parts.map(({ source }) => numbersIn(source))));
  });
}

/** The part of an output that belongs to one example of a batch. */
export function ofExample<Output extends Pick<ProgramOutput, 'slots'>>(
  output: Output,
  example: number,
  batch: number,
): Output {
  const size = output.slots.length / batch;
  return { ...output, slots: output.slots.subarray(example * size, (example + 1) * size) };
}

/**
 * The inputs of a batch: of every input, the examples' numbers one after the other. Where there are fewer examples than the
 * program computes, the last one fills the rest: what lies in unused slots has to stay in range as well.
 * @throws InputError for no example, for more than fit, and for examples of different shapes
 */
export function joinExamples(
  examples: readonly Readonly<Record<string, ArrayLike<number>>>[],
  batch: number,
): Record<string, ArrayLike<number>> {
  const [first] = examples;
  if (!first || examples.length > batch)
    throw new InputError(
      `${examples.length} inputs for a program that computes 1 to ${batch} at once: give fewer, or compile it for a larger batch`,
    );
  if (batch === 1) return first;
  const whole = Array.from({ length: batch }, (_, i) => examples[Math.min(i, examples.length - 1)]!);
  return Object.fromEntries(
    Object.entries(first).map(([name, { length }]) => {
      const joined = new Float64Array(batch * length);
      for (const [i, example] of whole.entries()) {
        const values = example[name];
        if (values?.length !== length)
          throw new InputError(
            `input ${i + 1} has ${values?.length ?? 'no'} numbers for ${name}, the first one ${length}: all inputs of a batch have one shape`,
          );
        joined.set(Array.from(values), i * length);
      }
      return [name, joined];
    }),
  );
}

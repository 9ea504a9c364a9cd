import { modulo } from '@cipherformer/base';
import {
  type EncryptedProgram,
  type Instruction,
  operandsOf,
  type ProgramInput,
  resultsOf,
  type SlotMatrix,
  type SlotVector,
} from '@cipherformer/runtime';

/**
 * A program for its logits alone, on one of the copies that its slots hold where inputs, matrices, masks and vectors all
 * repeat. Its values are the same, at a fraction of the work; its outputs are all copies of the logits that are left. Made
 * to be simulated, under the key plan of the whole program. Noise is drawn for every slot on its own, and the slots that one
 * instruction adds up stay different ones, so that noise is of the same size. (One term is not: a plaintext's rounding,
 * by slots / period, which is thousands of times below a ciphertext's.) All slots stay where something does not repeat.
 */
export function logitsOnFewSlots(whole: EncryptedProgram): EncryptedProgram {
  const outputs = whole.outputs.filter(({ name }) => name === 'logits');
  const instructions = reaching(whole.instructions, outputs.map(({ register }) => register)); // biome-ignore format: one call
  const slots = slotsKept({ ...whole, instructions });
  const memory = new DiagonalMemory();
  return {
    slots,
    inputs: whole.inputs.map((input) => ({ ...input, source: input.source.subarray(0, slots) })),
    instructions: instructions.map((instruction) => onSlots(instruction, slots, memory)),
    masks: whole.masks.map((mask) => vectorOn(mask, slots)),
    outputs: outputs.map((output) => ({ ...output, slots: copiesOf(output, slots) })),
  };
}

/** The instructions that one of these registers depends on. */
function reaching(instructions: readonly Instruction[], registers: readonly number[]): Instruction[] {
  const read = new Set(registers);
  return instructions
    .toReversed()
    .filter((instruction) => {
      const needed = resultsOf(instruction).some((register) => read.has(register));
      if (needed) for (const register of operandsOf(instruction)) read.add(register);
      return needed;
    })
    .toReversed();
}

/** The period of everything; all slots where there is none. */
function slotsKept({ slots, inputs, instructions, masks }: EncryptedProgram): number {
  const periods = instructions.map((instruction) => {
    if (instruction.op === 'linear') return instruction.matrix.period ?? slots;
    return instruction.op === 'addVector' ? (instruction.vector.period ?? slots) : 1;
  });
  const period = Math.max(1, ...periods, ...masks.map((mask) => mask.period ?? slots));
  return inputs.every((input) => repeats(input, period)) && turnsApart(instructions, period) ? period : slots;
}

function repeats({ source }: ProgramInput, period: number): boolean {
  return source.every((value, slot) => slot < period || value === source[slot - period]);
}

/** Whether the rotations of every map stay different ones: otherwise one diagonal would stand for two. */
function turnsApart(instructions: readonly Instruction[], slots: number): boolean {
  return instructions.every((instruction) => {
    if (instruction.op !== 'linear') return true;
    const { inputs, outputs, matrix } = instruction;
    return outputs.every((_, output) =>
      inputs.every((_, input) => {
        const turns = matrix.rotations(output, input);
        return new Set(turns.map((turn) => modulo(turn, slots))).size === turns.length;
      }),
    );
  });
}

function onSlots(instruction: Instruction, slots: number, memory: DiagonalMemory): Instruction {
  const turned = (steps: readonly number[]) => steps.map((step) => modulo(step, slots));
  if (instruction.op === 'addVector') return { ...instruction, vector: vectorOn(instruction.vector, slots) };
  if (instruction.op !== 'linear') return instruction;
  const { babySteps, giantSteps, matrix, packing } = instruction;
  return {
    ...instruction,
    matrix: matrixOn(matrix, slots, memory),
    babySteps: turned(babySteps),
    giantSteps: turned(giantSteps),
    ...(packing && {
      packing: {
        ...packing,
        inputs: packing.inputs.map(({ real, imaginary }) => ({
          real,
          ...(imaginary && { imaginary: { ...imaginary, turn: modulo(imaginary.turn, slots) } }),
        })),
      },
    }),
  };
}

/** Diagonals that were made: simulations read each twice. Those of large models would fill gigabytes, so then it begins again. */
class DiagonalMemory {
  static readonly #mostNumbers = 2 ** 24;
  readonly #known = new Map<SlotMatrix, Map<string, Float64Array>>();
  #numbers = 0;

  get(matrix: SlotMatrix, key: string, make: () => Float64Array): Float64Array {
    const known = this.#known.get(matrix)?.get(key);
    if (known) return known;
    if (this.#numbers > DiagonalMemory.#mostNumbers) {
      this.#known.clear();
      this.#numbers = 0;
    }
    const made = make();
    const own = this.#known.get(matrix) ?? new Map<string, Float64Array>();
    this.#known.set(matrix, own.set(key, made));
    this.#numbers += made.length;
    return made;
  }
}

function matrixOn(matrix: SlotMatrix, slots: number, memory: DiagonalMemory): SlotMatrix {
  /** The matrix's own rotations by those that are left. */
  const turns = new Map<string, ReadonlyMap<number, number>>();
  const turnsOf = (output: number, input: number) => {
    const key = `${output}/${input}`;
    const known = turns.get(key) ?? new Map(matrix.rotations(output, input).map((turn) => [modulo(turn, slots), turn]));
    turns.set(key, known);
    return known;
  };
  return {
    rotations: (output, input) => [...turnsOf(output, input).keys()],
    diagonal: (output, input, rotation) =>
      memory.get(matrix, `${output}/${input}/${rotation}`, () =>
        matrix.diagonal(output, input, turnsOf(output, input).get(rotation)!).slice(0, slots),
      ),
    ...(matrix.period !== undefined && { period: matrix.period }),
  };
}

function vectorOn(vector: SlotVector, slots: number): SlotVector {
  return {
    ...(vector.period !== undefined && { period: vector.period }),
    values: () => vector.values().subarray(0, slots),
  };
}

/** All copies of an output's numbers, one after the other. */
function copiesOf({ slots: first, period }: EncryptedProgram['outputs'][number], slots: number): Int32Array {
  const count = period === undefined ? 1 : slots / period;
  return Int32Array.from({ length: count * first.length }, (_, i) => {
    const copy = Math.floor(i / first.length);
    return modulo(first[i % first.length]!, slots) + copy * (period ?? 0);
  });
}

import { modulo } from '@cipherformer/base';
import type { LinearInstruction, LinearPacking, PackedInput, SlotMatrix } from './instructions.ts';

/** One entry of the map's matrix by its diagonals: diagonal(output, input, rotation). */
interface Entry {
  readonly output: number;
  readonly input: number;
  readonly rotation: number;
}

/** What one complex diagonal is made of. */
interface ComplexDiagonal {
  readonly real?: Entry;
  readonly imaginary?: Entry;
}

/**
 * What is computed for a linear instruction: packedOutputs[k] = sum over j and r of
 * (diagonal(k, j, r) + i imaginary(k, j, r)) * rotate(packedInputs[j], r), of whose parts some are results.
 *
 * With a real input a, and outputs o and p packed: w(o, a) + i w(p, a). With inputs a and b packed and one output:
 * w(o, a) - i w(o, b), whose real part is asked for. With both packed: w(o, a), as the map is the same on both pairs.
 */
export class PackedTransform {
  readonly inputs: readonly PackedInput[];
  readonly outputs: LinearPacking['outputs'];
  /** Every diagonal repeats after so many slots, where known. */
  readonly period?: number;
  /** Whether real and imaginary parts of the outputs are taken, by a conjugation each. */
  readonly takesParts: (output: number) => boolean;
  readonly #matrix: SlotMatrix;
  readonly #slots: number;
  readonly #diagonals = new Map<string, ReadonlyMap<number, ComplexDiagonal>>();

  constructor(
    { inputs, outputs, matrix, packing }: Pick<LinearInstruction, 'inputs' | 'outputs' | 'matrix' | 'packing'>,
    slots: number,
  ) {
    this.inputs = packing?.inputs ?? inputs.map((_, real) => ({ real }));
    this.outputs = packing?.outputs ?? outputs.map((_, real) => ({ real }));
    const complex = this.inputs.some(({ imaginary }) => imaginary !== undefined);
    this.takesParts = (output) => complex || this.outputs[output]!.imaginary !== undefined;
    this.#matrix = matrix;
    this.#slots = slots;
    if (matrix.period !== undefined) this.period = matrix.period;
  }

  rotations(output: number, input: number): readonly number[] {
    return [...this.#diagonalsOf(output, input).keys()];
  }

  diagonal(output: number, input: number, rotation: number): Float64Array {
    const { real } = this.#diagonalsOf(output, input).get(rotation)!;
    return real ? this.#matrix.diagonal(real.output, real.input, real.rotation) : new Float64Array(this.#slots);
  }

  imaginary(output: number, input: number, rotation: number): Float64Array | undefined {
    const { imaginary } = this.#diagonalsOf(output, input).get(rotation)!;
    if (!imaginary) return undefined;
    const values = this.#matrix.diagonal(imaginary.output, imaginary.input, imaginary.rotation);
    return this.inputs[input]!.imaginary ? negated(values) : values;
  }

  #diagonalsOf(output: number, input: number): ReadonlyMap<number, ComplexDiagonal> {
    const key = `${output}/${input}`;
    const known = this.#diagonals.get(key);
    if (known) return known;
    const made = this.#pair(output, input);
    this.#diagonals.set(key, made);
    return made;
  }

  #pair(output: number, input: number): Map<number, ComplexDiagonal> {
    const { real: o, imaginary: p } = this.outputs[output]!;
    const { real: a, imaginary: b } = this.inputs[input]!;
    const block = (to: number, from: number): Block => ({
      output: to,
      input: from,
      rotations: this.#matrix.rotations(to, from),
    });
    const own = block(o, a);
    if (p === undefined && b)
      return b.input === a ? halved(own, b.turn, this.#slots) : united(own, block(o, b.input), b.turn, this.#slots);
    if (p !== undefined && !b) return united(own, block(p, a), 0, this.#slots);
    return new Map(own.rotations.map((rotation) => [rotation, { real: { ...own, rotation } }]));
  }
}

/** A loop takes a third of what `map` takes, which would be a twentieth of a diagonal's whole cost. */
function negated(values: Float64Array): Float64Array {
  const result = new Float64Array(values.length);
  for (let s = 0; s < result.length; s++) result[s] = -values[s]!;
  return result;
}

/** The diagonals between one input and one output. */
interface Block {
  readonly output: number;
  readonly input: number;
  readonly rotations: readonly number[];
}

/** For every rotation of either: the real part by it, the imaginary part by it and `turn` more. */
function united(real: Block, imaginary: Block, turn: number, slots: number): Map<number, ComplexDiagonal> {
  const result = new Map<number, ComplexDiagonal>();
  for (const rotation of real.rotations) result.set(rotation, { real: { ...real, rotation } });
  for (const rotation of imaginary.rotations) {
    const at = modulo(rotation - turn, slots);
    result.set(at, { ...result.get(at), imaginary: { ...imaginary, rotation } });
  }
  return result;
}

/** Of rotations r and r + turn of one input, the second is the imaginary part of the first. */
function halved(block: Block, turn: number, slots: number): Map<number, ComplexDiagonal> {
  const left = new Set(block.rotations);
  const result = new Map<number, ComplexDiagonal>();
  for (const rotation of block.rotations) {
    if (!left.delete(rotation)) continue;
    const turned = modulo(rotation + turn, slots);
    const real = { ...block, rotation };
    result.set(rotation, left.delete(turned) ? { real, imaginary: { ...block, rotation: turned } } : { real });
  }
  return result;
}

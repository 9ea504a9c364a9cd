import { applyStreamed, type Ciphertext, type Evaluator, sameScale } from '@cipherformer/ckks';
import type { InstructionOf, PackedInput } from '../program/instructions.ts';
import { PackedTransform } from '../program/packed-transform.ts';
import type { CanonicalScales } from '../program/scales.ts';
import { bringDown } from './bring.ts';
import type { ImaginaryUnit } from './imaginary.ts';

export interface LinearOptions {
  /** Special primes of the rotation keys. */
  readonly special: number;
  /** Bytes for encoded diagonals at a time. Default: applyStreamed's. */
  readonly diagonalBytes: number | undefined;
}

/** Linear maps, packed as their instructions say. */
export class LinearMaps {
  readonly #evaluator: Evaluator;
  readonly #scales: CanonicalScales;
  readonly #options: LinearOptions;
  readonly #unit: ImaginaryUnit;

  constructor(evaluator: Evaluator, scales: CanonicalScales, unit: ImaginaryUnit, options: LinearOptions) {
    this.#evaluator = evaluator;
    this.#scales = scales;
    this.#options = options;
    this.#unit = unit;
  }

  /** The results of an instruction, one level below it at the canonical scale there: new ciphertexts. */
  apply(instruction: InstructionOf<'linear'>, inputs: readonly Ciphertext[]): Ciphertext[] {
    const { babySteps, giantSteps, level, dividesBabies = false } = instruction;
    const { special, diagonalBytes } = this.#options;
    const transform = new PackedTransform(instruction, inputs[0]!.slots);
    const packed: Ciphertext[] = [];
    try {
      for (const input of transform.inputs) packed.push(this.#pack(input, inputs, level));
      const sums = applyStreamed(this.#evaluator, packed, transform, {
        level,
        outputs: transform.outputs.length,
        // x + conj(x) is twice the real part, so x has half the scale.
        scale: transform.outputs.map((_, k) => this.#scales.at(level - 1) / (transform.takesParts(k) ? 2 : 1)),
        babySteps,
        giantSteps,
        special,
        dividesBabies,
        fewKeys: true,
        ...(diagonalBytes === undefined ? {} : { diagonalBytes }),
      });
      return this.#takeParts(transform, sums, instruction.outputs.length);
    } finally {
      for (const input of packed) if (!inputs.includes(input)) input[Symbol.dispose]();
    }
  }

  /** inputs[real] + i * rotate(inputs[imaginary.input], turn) at the level; an input by itself as it is. */
  #pack({ real, imaginary }: PackedInput, inputs: readonly Ciphertext[], level: number): Ciphertext {
    const first = inputs[real]!;
    if (!imaginary) return first;
    const second = inputs[imaginary.input]!;
    const scale = sameScale(first.scale, second.scale) ? first.scale : this.#scales.at(level);
    using a = bringDown(this.#evaluator, first, level, scale);
    using b = bringDown(this.#evaluator, second, level, scale);
    using turned = this.#evaluator.rotate(b, imaginary.turn);
    using product = this.#unit.times(turned);
    return this.#evaluator.add(a, product);
  }

  /** The results that packed sums hold the parts of. */
  #takeParts(transform: PackedTransform, sums: readonly Ciphertext[], count: number): Ciphertext[] {
    const results = new Array<Ciphertext>(count);
    for (const [k, { real, imaginary }] of transform.outputs.entries()) {
      if (!transform.takesParts(k)) {
        results[real] = sums[k]!;
        continue;
      }
      using sum = sums[k]!;
      const parts = this.#unit.parts(sum, imaginary !== undefined);
      results[real] = parts.real;
      if (imaginary !== undefined) results[imaginary] = parts.imaginary!;
    }
    return results;
  }
}

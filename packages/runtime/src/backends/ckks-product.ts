import { modulo } from '@cipherformer/base';
import { applyStreamed, Ciphertext, type Evaluator, type StreamedMatrix, sameScale } from '@cipherformer/ckks';
import type { InstructionOf, SlotVector } from '../program/instructions.ts';
import type { ComplexCopy } from '../program/packed-product.ts';
import type { CanonicalScales } from '../program/scales.ts';
import { type GroupSide, termGroups } from '../program/term-groups.ts';
import { bringDown } from './bring.ts';
import type { ImaginaryUnit } from './imaginary.ts';

interface ProductSumOptions {
  /** Of the instruction. */
  readonly level: number;
  readonly masks: readonly SlotVector[];
  /** Special primes of the rotation keys. */
  readonly special: number;
}

/** One side of a product sum: its register, and the level and scale its copies are multiplied at. */
interface Side {
  readonly register: Ciphertext;
  /** The scale of a masked side after its rescale; that of the register for one without masks. */
  readonly scale: number;
  readonly masked: boolean;
}

/**
 * sum over terms of left * right, relinearised and rescaled once. Rotations are hoisted, a few terms at a time. A side with
 * masks is multiplied at the instruction's level and rescaled, the other side is dropped to the level below for free.
 * @returns a new ciphertext with the canonical scale of its level
 * Cost: a hoisted rotation for each distinct step of a group of terms, and a whole one for a group that is turned; for a
 * masked side of a term one division and, a copy, a product in the extended basis; one key switch. Where terms are packed, a
 * pair counts as one, and there is a rotation and a conjugation more.
 */
export function productSum(
  evaluator: Evaluator,
  instruction: InstructionOf<'productSum'>,
  operands: { readonly left: Ciphertext; readonly right: Ciphertext },
  scales: CanonicalScales,
  options: Omit<ProductSumOptions, 'level'> & { readonly unit: ImaginaryUnit },
): Ciphertext {
  const masked = (side: 'left' | 'right') =>
    instruction.terms.some((term) => term[side].some(({ mask }) => mask !== undefined));
  const [leftMasked, rightMasked] = [masked('left'), masked('right')];
  const level = instruction.level - (leftMasked || rightMasked ? 1 : 0);
  const { context } = evaluator;
  const { packing } = instruction;
  // x + conj(x) is twice the real part, so x has half the scale.
  const target = (scales.at(level - 1) * context.parameters.primeAt(level)) / (packing ? 2 : 1);
  const prepared = sidesOf(evaluator, instruction, operands, { leftMasked, rightMasked, level, target }, scales);
  const { left } = prepared;
  try {
    using packed = packing && lessTurned(evaluator, prepared.right.register, packing.turn, options.unit);
    const right = packed ? { ...prepared.right, register: packed } : prepared.right;
    using sum = new Ciphertext(context, level, target, operands.left.slots, 3);
    let started = false;
    const at = { ...options, level: instruction.level };
    for (const group of termGroups(instruction, operands.left.slots)) {
      using a = factorsOf(evaluator, left, group.left, at);
      using b = factorsOf(evaluator, right, group.right, at);
      for (const [i, factor] of a.factors.entries()) {
        evaluator.multiplyRawTo(sum, factor, b.factors[i]!, started);
        started = true;
      }
    }
    sum.scale = target;
    if (!packing) return evaluator.relineariseRescale(sum);
    using product = evaluator.relineariseRescale(sum);
    return options.unit.parts(product, false).real;
  } finally {
    for (const held of prepared.held) held[Symbol.dispose]();
  }
}

/** a - i rotate(a, turn) */
function lessTurned(evaluator: Evaluator, a: Ciphertext, turn: number, unit: ImaginaryUnit): Ciphertext {
  using turned = evaluator.rotate(a, turn);
  using product = unit.times(turned);
  return evaluator.subtract(a, product);
}

/** Brings the sides to scales whose product is the target: free where a mask or the register's own scale allows. */
function sidesOf(
  evaluator: Evaluator,
  instruction: InstructionOf<'productSum'>,
  operands: { readonly left: Ciphertext; readonly right: Ciphertext },
  shape: {
    readonly leftMasked: boolean;
    readonly rightMasked: boolean;
    readonly level: number;
    readonly target: number;
  },
  scales: CanonicalScales,
): { left: Side; right: Side; held: Ciphertext[] } {
  const { left: a, right: b } = operands;
  const { leftMasked, rightMasked, level, target } = shape;
  if (leftMasked && rightMasked) {
    const scale = scales.at(level);
    return {
      left: { register: a, scale, masked: true },
      right: { register: b, scale: target / scale, masked: true },
      held: [],
    };
  }
  if (leftMasked || rightMasked) {
    const plain = leftMasked ? b : a;
    const dropped = bringDown(evaluator, plain, level, plain.scale);
    const unmasked: Side = { register: dropped, scale: plain.scale, masked: false };
    const other: Side = { register: leftMasked ? a : b, scale: target / plain.scale, masked: true };
    return { left: leftMasked ? other : unmasked, right: leftMasked ? unmasked : other, held: [dropped] };
  }
  const keep = sameScale(a.scale * b.scale, target);
  // Only a side from above can be brought to another scale: one at the level itself already has the canonical one.
  const leftMoves = !keep && a.level > instruction.level;
  const left = bringDown(evaluator, a, level, leftMoves ? target / b.scale : a.scale);
  const right =
    a === b && !leftMoves ? left : bringDown(evaluator, b, level, keep || leftMoves ? b.scale : target / a.scale);
  return {
    left: { register: left, scale: left.scale, masked: false },
    right: { register: right, scale: right.scale, masked: false },
    held: left === right ? [left] : [left, right],
  };
}

/** One factor of every term: hoisted rotations, or where a side has masks, a linear transform with an output a term. */
function factorsOf(
  evaluator: Evaluator,
  side: Side,
  { turn, copies }: GroupSide,
  options: ProductSumOptions,
): Disposable & { readonly factors: readonly Ciphertext[] } {
  if (turn === 0) return copiesOf(evaluator, side, copies, options);
  const { register, masked } = side;
  // A masked side may still be above the level it is worked at, and its keys reach no further than that.
  using dropped = bringDown(evaluator, register, masked ? options.level : register.level, register.scale);
  using turned = evaluator.rotate(dropped, turn);
  return copiesOf(evaluator, { ...side, register: turned }, copies, options);
}

function copiesOf(
  evaluator: Evaluator,
  { register, scale, masked }: Side,
  copies: readonly (readonly ComplexCopy[])[],
  { level, masks, special }: ProductSumOptions,
): Disposable & { readonly factors: readonly Ciphertext[] } {
  if (masked) {
    const factors = applyStreamed(evaluator, [register], new MaskMatrix(copies, masks, register.slots), {
      level,
      outputs: copies.length,
      scale,
      babySteps: copies.flatMap((list) => list.map(({ rotation }) => rotation)),
      giantSteps: [0],
      special,
    });
    return { factors, [Symbol.dispose]: () => disposeAll(factors) };
  }
  const steps = [...new Set(copies.map(([copy]) => copy!.rotation))];
  const rotated = evaluator.rotateHoisted(register, steps);
  const factors = copies.map(([copy]) => rotated[steps.indexOf(copy!.rotation)]!);
  return { factors, [Symbol.dispose]: () => disposeAll(rotated) };
}

/** Masked copies of one register, a sum of them an output. */
class MaskMatrix implements StreamedMatrix {
  readonly period: number;
  readonly #copies: readonly (readonly ComplexCopy[])[];
  readonly #masks: readonly SlotVector[];
  readonly #slots: number;

  constructor(copies: readonly (readonly ComplexCopy[])[], masks: readonly SlotVector[], slots: number) {
    this.#copies = copies;
    this.#masks = masks;
    this.#slots = slots;
    this.period = Math.max(
      ...copies
        .flat()
        .flatMap(masksOf)
        .map((mask) => masks[mask]!.period ?? slots),
    );
  }

  rotations(output: number): readonly number[] {
    return [...new Set(this.#copies[output]!.map(({ rotation }) => modulo(rotation, this.#slots)))];
  }

  diagonal(output: number, _input: number, rotation: number): Float64Array {
    return this.#sum(this.#copiesBy(output, rotation).flatMap(({ mask }) => mask ?? []))!;
  }

  imaginary(output: number, _input: number, rotation: number): Float64Array | undefined {
    return this.#sum(this.#copiesBy(output, rotation).flatMap(({ imaginaryMask }) => imaginaryMask ?? []));
  }

  #copiesBy(output: number, rotation: number): readonly ComplexCopy[] {
    return this.#copies[output]!.filter((copy) => modulo(copy.rotation, this.#slots) === rotation);
  }

  #sum(numbers: readonly number[]): Float64Array | undefined {
    const [first, ...others] = numbers.map((mask) => this.#masks[mask]!.values());
    if (others.length === 0) return first;
    return first!.map((value, s) => others.reduce((sum, other) => sum + other[s]!, value));
  }
}

/** The masks that a copy reads. */
function masksOf({ mask, imaginaryMask }: ComplexCopy): number[] {
  return [mask, imaginaryMask].filter((number) => number !== undefined);
}

function disposeAll(ciphertexts: readonly Ciphertext[]): void {
  for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
}

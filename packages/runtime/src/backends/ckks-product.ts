import { modulo } from '@cipherformer/base';
import { applyStreamed, Ciphertext, type Evaluator, type StreamedMatrix, sameScale } from '@cipherformer/ckks';
import type { InstructionOf, ProductTerm, SlotVector } from '../program/instructions.ts';
import { type ComplexCopy, masksOf, productTerms } from '../program/packed-product.ts';
import type { CanonicalScales } from '../program/scales.ts';
import { type GroupSide, type TermGroup, termGroups } from '../program/term-groups.ts';
import { bringDown } from './bring.ts';
import { rotated } from './clear.ts';
import type { ImaginaryUnit } from './imaginary.ts';

interface ProductSumOptions {
  /** Of the instruction. */
  readonly level: number;
  readonly masks: readonly SlotVector[];
  /** Special primes of the rotation keys. */
  readonly special: number;
  /** Masks are turned back by this. Default 0. */
  readonly masksBack?: number;
  /** Whether imaginary masks are taken with a minus. Default: no. */
  readonly conjugated?: boolean;
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
 * pair counts as one, and there is a rotation more for each side without masks, and a conjugation.
 */
export function productSum(
  evaluator: Evaluator,
  instruction: InstructionOf<'productSum'>,
  operands: { readonly left: Ciphertext; readonly right: Ciphertext },
  scales: CanonicalScales,
  options: Pick<ProductSumOptions, 'masks' | 'special'> & { readonly unit: ImaginaryUnit },
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
  try {
    const { unit } = options;
    using packedLeft = packed(evaluator, prepared.left, packing?.left, (a, b) => evaluator.add(a, b), unit);
    using packedRight = packed(evaluator, prepared.right, packing?.right, (a, b) => evaluator.subtract(a, b), unit);
    const { side: left } = packedLeft;
    const { side: right } = packedRight;
    const { slots } = operands.left;
    const at = { ...options, level: instruction.level };
    const { groups, shared } = termGroups(instruction, slots);
    using common = shared && factorsOf(evaluator, shared.side === 'left' ? left : right, groups[0]![shared.side], at);
    const factors = (group: TermGroup, name: 'left' | 'right') =>
      shared?.side === name
        ? commonFactors(common!.factors, groups[0]![name], group[name])
        : factorsOf(evaluator, name === 'left' ? left : right, group[name], {
            ...at,
            ...{ masksBack: group.turn, conjugated: name === 'right' },
          });
    using sum = new SumOfGroups(evaluator, shared?.turn);
    // From the last to the first: each turn is of all groups after it.
    for (const group of groups.toReversed()) {
      using a = factors(group, 'left');
      using b = factors(group, 'right');
      sum.add(new Ciphertext(context, level, target, slots, 3), a.factors, b.factors);
    }
    const { alone } = productTerms(instruction, slots);
    if (alone) addAlone(evaluator, sum.total, prepared, alone);
    sum.total.scale = target;
    if (!packing) return evaluator.relineariseRescale(sum.total);
    using product = evaluator.relineariseRescale(sum.total);
    return unit.parts(product, false).real;
  } finally {
    for (const held of prepared.held) held[Symbol.dispose]();
  }
}

/** Sums of products in three parts, each turned with all that were added before it. */
class SumOfGroups implements Disposable {
  readonly #evaluator: Evaluator;
  readonly #turn: number | undefined;
  #total: Ciphertext | undefined;

  /** @param turn of what is there when a group is added; without it groups are just added up */
  constructor(evaluator: Evaluator, turn: number | undefined) {
    this.#evaluator = evaluator;
    this.#turn = turn;
  }

  get total(): Ciphertext {
    return this.#total!;
  }

  /** The total so far, turned, and left * right of every two factors. `sum` becomes the total, which is this one's. */
  add(sum: Ciphertext, left: readonly Ciphertext[], right: readonly Ciphertext[]): void {
    using before = this.#total;
    this.#total = sum;
    for (const [i, factor] of left.entries()) this.#evaluator.multiplyRawTo(sum, factor, right[i]!, i > 0);
    if (!before) return;
    if (this.#turn === undefined) {
      this.#evaluator.addTo(sum, before);
      return;
    }
    using two = this.#evaluator.relinearise(before);
    using turned = this.#evaluator.rotate(two, this.#turn);
    this.#evaluator.addTo(sum, turned);
  }

  [Symbol.dispose](): void {
    this.#total?.[Symbol.dispose]();
  }
}

/** The factors of a later group: those of the first one with the same rotations. They stay their owner's. */
function commonFactors(
  made: readonly Ciphertext[],
  first: GroupSide,
  group: GroupSide,
): Disposable & { readonly factors: readonly Ciphertext[] } {
  const rotations = first.copies.map(([copy]) => copy!.rotation);
  return {
    factors: group.copies.map(([copy]) => made[rotations.indexOf(copy!.rotation)]!),
    [Symbol.dispose]: () => {},
  };
}

/** The side whose register is a (+ or -) i rotate(a, turn); without a turn the side as it is. The caller releases it. */
function packed(
  evaluator: Evaluator,
  side: Side,
  turn: number | undefined,
  join: (a: Ciphertext, b: Ciphertext) => Ciphertext,
  unit: ImaginaryUnit,
): Disposable & { readonly side: Side } {
  if (turn === undefined) return { side, [Symbol.dispose]: () => {} };
  using turned = evaluator.rotate(side.register, turn);
  using product = unit.times(turned);
  const register = join(side.register, product);
  return { side: { ...side, register }, [Symbol.dispose]: () => register[Symbol.dispose]() };
}

/** sum += the term that no other is packed with, from the sides as they are. */
function addAlone(
  evaluator: Evaluator,
  sum: Ciphertext,
  { left, right }: { readonly left: Side; readonly right: Side },
  term: ProductTerm,
): void {
  using a = evaluator.rotate(left.register, term.left[0]!.rotation);
  using b = evaluator.rotate(right.register, term.right[0]!.rotation);
  evaluator.multiplyRawTo(sum, a, b);
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
  { level, masks, special, masksBack = 0, conjugated = false }: ProductSumOptions,
): Disposable & { readonly factors: readonly Ciphertext[] } {
  if (masked) {
    const factors = applyStreamed(
      evaluator,
      [register],
      new MaskMatrix(copies, masks, register.slots, { masksBack, conjugated }),
      {
        level,
        outputs: copies.length,
        scale,
        babySteps: copies.flatMap((list) => list.map(({ rotation }) => rotation)),
        giantSteps: [0],
        special,
      },
    );
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
  readonly #back: number;
  readonly #conjugated: boolean;

  constructor(
    copies: readonly (readonly ComplexCopy[])[],
    masks: readonly SlotVector[],
    slots: number,
    { masksBack, conjugated }: Required<Pick<ProductSumOptions, 'masksBack' | 'conjugated'>>,
  ) {
    this.#copies = copies;
    this.#masks = masks;
    this.#slots = slots;
    this.#back = masksBack;
    this.#conjugated = conjugated;
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
    return (
      this.#sum(this.#copiesBy(output, rotation).flatMap(({ mask }) => mask ?? [])) ?? new Float64Array(this.#slots)
    );
  }

  imaginary(output: number, _input: number, rotation: number): Float64Array | undefined {
    const sum = this.#sum(this.#copiesBy(output, rotation).flatMap(({ imaginaryMask }) => imaginaryMask ?? []));
    return sum && this.#conjugated ? sum.map((value) => -value) : sum;
  }

  #copiesBy(output: number, rotation: number): readonly ComplexCopy[] {
    return this.#copies[output]!.filter((copy) => modulo(copy.rotation, this.#slots) === rotation);
  }

  #sum(numbers: readonly number[]): Float64Array | undefined {
    const [first, ...others] = numbers.map((mask) => rotated(this.#masks[mask]!.values(), -this.#back));
    if (others.length === 0) return first;
    return first!.map((value, s) => others.reduce((sum, other) => sum + other[s]!, value));
  }
}

function disposeAll(ciphertexts: readonly Ciphertext[]): void {
  for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();
}

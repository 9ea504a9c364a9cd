import { Ciphertext, type Evaluator, sameScale } from '@cipherformer/ckks';
import type { InstructionOf, ProductTerm, RotatedCopy } from '../program/instructions.ts';
import { bringDown } from './bring.ts';
import type { MaskCache } from './masks.ts';
import type { CanonicalScales } from './scales.ts';

/** Distinct rotations of one register that are held at a time. */
const rotationsTogether = 16;

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
 * Cost: a hoisted rotation for each distinct step, a rescale for each masked side of a term, one key switch.
 */
export function productSum(
  evaluator: Evaluator,
  instruction: InstructionOf<'productSum'>,
  operands: { readonly left: Ciphertext; readonly right: Ciphertext },
  scales: CanonicalScales,
  masks: MaskCache,
): Ciphertext {
  const masked = (side: 'left' | 'right') =>
    instruction.terms.some((term) => term[side].some(({ mask }) => mask !== undefined));
  const [leftMasked, rightMasked] = [masked('left'), masked('right')];
  const level = instruction.level - (leftMasked || rightMasked ? 1 : 0);
  const { context } = evaluator;
  const target = scales.at(level - 1) * context.parameters.primeAt(level);
  const prepared = sidesOf(evaluator, instruction, operands, { leftMasked, rightMasked, level, target }, scales);
  const { left, right } = prepared;
  try {
    using sum = new Ciphertext(context, level, target, operands.left.slots, 3);
    let started = false;
    for (const terms of termsTogether(instruction.terms)) {
      using leftCopies = new Copies(evaluator, left, terms.flatMap((term) => term.left), instruction.level, masks); // biome-ignore format: short
      using rightCopies = new Copies(evaluator, right, terms.flatMap((term) => term.right), instruction.level, masks); // biome-ignore format: short
      for (const term of terms) {
        using a = leftCopies.sum(term.left);
        using b = rightCopies.sum(term.right);
        evaluator.multiplyRawTo(sum, a.ciphertext, b.ciphertext, started);
        started = true;
      }
    }
    sum.scale = target;
    return evaluator.relineariseRescale(sum);
  } finally {
    for (const held of prepared.held) held[Symbol.dispose]();
  }
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

/** Terms in their order, so many together that each side has at most `rotationsTogether` distinct rotations. */
function termsTogether(terms: readonly ProductTerm[]): ProductTerm[][] {
  const result: ProductTerm[][] = [];
  let seen: { left: Set<number>; right: Set<number> } | undefined;
  for (const term of terms) {
    const next = {
      left: new Set([...(seen?.left ?? []), ...term.left.map(({ rotation }) => rotation)]),
      right: new Set([...(seen?.right ?? []), ...term.right.map(({ rotation }) => rotation)]),
    };
    if (!seen || next.left.size > rotationsTogether || next.right.size > rotationsTogether) {
      result.push([]);
      seen = {
        left: new Set(term.left.map(({ rotation }) => rotation)),
        right: new Set(term.right.map(({ rotation }) => rotation)),
      };
    } else {
      seen = next;
    }
    result.at(-1)!.push(term);
  }
  return result;
}

/** The rotated copies of one register that some terms need. */
class Copies implements Disposable {
  readonly #evaluator: Evaluator;
  readonly #side: Side;
  readonly #maskLevel: number;
  readonly #masks: MaskCache;
  readonly #rotated = new Map<number, Ciphertext>();

  constructor(evaluator: Evaluator, side: Side, copies: readonly RotatedCopy[], maskLevel: number, masks: MaskCache) {
    this.#evaluator = evaluator;
    this.#side = side;
    this.#maskLevel = maskLevel;
    this.#masks = masks;
    const steps = [...new Set(copies.map(({ rotation }) => rotation))];
    const start = side.masked ? bringDown(evaluator, side.register, maskLevel, side.register.scale) : side.register;
    try {
      for (const [i, ciphertext] of evaluator.rotateHoisted(start, steps).entries())
        this.#rotated.set(steps[i]!, ciphertext);
    } finally {
      if (start !== side.register) start[Symbol.dispose]();
    }
  }

  /** The sum of these copies, masked and rescaled; disposing of it keeps what is shared. */
  sum(copies: readonly RotatedCopy[]): Disposable & { readonly ciphertext: Ciphertext } {
    if (!this.#side.masked) return { ciphertext: this.#rotated.get(copies[0]!.rotation)!, [Symbol.dispose]() {} };
    const { context } = this.#evaluator;
    const { ring, parameters } = context;
    const { register, scale } = this.#side;
    const sumScale = scale * parameters.primeAt(this.#maskLevel);
    using sum = new Ciphertext(context, this.#maskLevel, sumScale, register.slots);
    sum.clear();
    for (const { rotation, mask } of copies) {
      const rotated = this.#rotated.get(rotation)!;
      const plain = this.#masks.get(mask!, this.#maskLevel, sumScale / register.scale);
      for (const part of [0, 1]) ring.multiplyAccumulate(sum.part(part), rotated.part(part), plain.part(0), sum.basis);
    }
    const ciphertext = this.#evaluator.rescale(sum);
    ciphertext.scale = scale;
    return { ciphertext, [Symbol.dispose]: () => ciphertext[Symbol.dispose]() };
  }

  [Symbol.dispose](): void {
    for (const ciphertext of this.#rotated.values()) ciphertext[Symbol.dispose]();
  }
}

import { modulo } from '@cipherformer/base';
import { checkPowerOfTwo } from '../../errors/checks.ts';
import { OperandError } from '../../errors/index.ts';
import { Slab } from '../../kernels/index.ts';
import { galoisElement } from '../../ring/index.ts';
import {
  Ciphertext,
  type Context,
  checkOperand,
  checkScale,
  digitSizesAt,
  type Evaluator,
  type GaloisUse,
  type KeySwitcher,
  type Pair,
  type Parameters,
  pairOf,
} from '../../scheme/index.ts';
import type { ComplexVector, DiagonalMatrix } from './diagonals.ts';
import { addGiantStep, type BabyTerm, rotatedSource, sumBabySteps } from './double-hoisting.ts';
import { encodeDiagonals } from './encoded-diagonal.ts';

export interface LinearTransformOptions {
  /** The level of the input; the output is one below. */
  readonly level: number;
  /** The scale the diagonals are encoded at; default: the level's prime, which leaves the ciphertext's scale unchanged. */
  readonly scale?: number;
  /** Rotations by multiples of the stride up to this many are baby steps (hoisted); a power of two. Default: by cost. */
  readonly babySteps?: number;
  /**
   * Half of the baby steps start from the input rotated once, which costs a division and a decomposition, for half the keys.
   * Default: no.
   */
  readonly fewKeys?: boolean;
}

interface Term {
  /** Which diagonal of the matrix: its d. */
  readonly diagonal: number;
  /** The rotation it meets: the middle step where `far`, and then the baby step. */
  readonly baby: number;
  readonly far: boolean;
}

/** Giant steps first, first + step, ... as a ladder: each sum is added to those above it, rotated by one step. */
interface Ladder {
  readonly first: number;
  readonly step: number;
  /** Of `giantSteps`, from the highest down. */
  readonly order: readonly number[];
}

/** Which rotations, in which order: all that can be known without a ciphertext. @throws OperandError as LinearTransform */
export class LinearTransformPlan {
  readonly slots: number;
  readonly level: number;
  readonly special: number;
  /** Baby rotations, 0 included where it is used. */
  readonly babySteps: readonly number[];
  /** The rotation of the input that half of the baby steps start from; 0 where all start from the input. */
  readonly middle: number;
  /** Giant rotations in [0, slots) with the terms they gather. */
  readonly giantSteps: ReadonlyMap<number, readonly Term[]>;
  /** Where it takes fewer keys than the giant rotations by themselves, and no more rotations. */
  readonly ladder: Ladder | undefined;

  constructor(
    parameters: Parameters,
    slots: number,
    diagonals: readonly number[],
    level: number,
    { babySteps, fewKeys = false }: Pick<LinearTransformOptions, 'babySteps' | 'fewKeys'> = {},
  ) {
    if (level < 1)
      throw new OperandError(`a linear transform takes one level: encode it for level 1 or above, not ${level}`);
    checkPowerOfTwo('the slots of a linear transform', slots, parameters.maxSlots, OperandError);
    if (babySteps !== undefined) checkPowerOfTwo('babySteps', babySteps, slots, OperandError);
    this.slots = slots;
    this.level = level;
    this.special = parameters.gadget(level).special;
    const stride = strideOf(diagonals);
    const candidates = babySteps !== undefined ? [babySteps] : [1, 2, 4, 8, 16, 32, 64];
    const split = candidates
      .map((steps) => splitSteps(diagonals, stride * steps, slots))
      .map((parts) => ({ ...parts, cost: cost(parameters, level, this.special, parts.babySteps, parts.giantSteps) }))
      .reduce((a, b) => (b.cost < a.cost ? b : a));
    const half = split.giantStep / 2;
    // Of three baby steps one would be saved, of two none.
    this.middle = fewKeys && split.babySteps.filter((baby) => baby !== 0).length > 3 ? half : 0;
    const isFar = (baby: number) => this.middle !== 0 && baby >= this.middle;
    const near = (baby: number) => (isFar(baby) ? baby - this.middle : baby);
    this.babySteps = [...new Set(split.babySteps.map(near))].sort((a, b) => a - b);
    this.giantSteps = new Map(
      [...split.giantSteps].map(([giant, terms]) => [
        giant,
        terms.map(({ diagonal, baby }) => ({ diagonal, baby: near(baby), far: isFar(baby) })),
      ]),
    );
    this.ladder = ladderOf([...this.giantSteps.keys()], split.giantStep, slots);
  }

  /** Giant steps that rotate: key switches. */
  get giantRotations(): number {
    return [...this.giantSteps.keys()].filter((steps) => steps !== 0).length;
  }

  /** The rotation keys this transform needs. */
  galoisUses(logN: number): GaloisUse[] {
    const giantSteps = this.ladder ? [this.ladder.first, this.ladder.step] : this.giantSteps.keys();
    return [...new Set([...this.babySteps, this.middle, ...giantSteps])]
      .filter((steps) => steps !== 0)
      .map((steps) => ({ galois: galoisElement(steps, logN), level: this.level }));
  }
}

function strideOf(diagonals: readonly number[]): number {
  let stride = 0;
  for (let d of diagonals) {
    d = Math.abs(d);
    while (d !== 0) [stride, d] = [d, stride % d];
  }
  return Math.max(stride, 1);
}

function splitSteps(diagonals: readonly number[], giantStep: number, slots: number) {
  const babySteps = new Set<number>();
  const giantSteps = new Map<number, { diagonal: number; baby: number }[]>();
  for (const diagonal of [...diagonals].sort((a, b) => a - b)) {
    const baby = modulo(diagonal, giantStep);
    const giant = modulo(diagonal - baby, slots);
    babySteps.add(baby);
    if (!giantSteps.has(giant)) giantSteps.set(giant, []);
    giantSteps.get(giant)!.push({ diagonal, baby });
  }
  return { babySteps: [...babySteps].sort((a, b) => a - b), giantSteps, giantStep };
}

/** The giant steps as a ladder, where they are one without a gap, of three or more. */
function ladderOf(giantSteps: readonly number[], step: number, slots: number): Ladder | undefined {
  const next = (steps: number) => (steps + step) % slots;
  const rotations = giantSteps.filter((steps) => steps !== 0).length;
  // Where all go round the slots every one may be the first: then it is 0.
  const starts = giantSteps.filter((steps) => giantSteps.every((other) => next(other) !== steps));
  const first = starts.length === 0 ? 0 : starts[0]!;
  const order = [first];
  while (giantSteps.includes(next(order.at(-1)!)) && order.length < giantSteps.length) order.push(next(order.at(-1)!));
  const own = order.length - 1 + (first === 0 ? 0 : 1);
  const keys = first === 0 || first === step ? 1 : 2;
  if (order.length < giantSteps.length || own > rotations || keys >= rotations) return undefined;
  return { first, step, order: order.reverse() };
}

/**
 * Limb NTTs, the inner products of keys and diagonals counted as NTTs by the bytes they read: at N = 2^16 a limb of a key
 * streams from memory in about a quarter of an NTT's time. Every rotation, baby or giant, also costs a key to store.
 */
function cost(
  parameters: Parameters,
  level: number,
  special: number,
  babySteps: readonly number[],
  giantSteps: ReadonlyMap<number, unknown>,
): number {
  const limbs = level + 1;
  const all = limbs + special;
  const digits = digitSizesAt(parameters.gadget(level), level).length;
  const extension = digits * all;
  const keyRead = 0.25 * 2 * digits * all;
  const rotatedBabySteps = babySteps.filter((b) => b !== 0).length;
  const rotatedGiantSteps = [...giantSteps.keys()].filter((g) => g !== 0).length;
  return extension + rotatedBabySteps * keyRead + rotatedGiantSteps * (all + extension + keyRead) + 2 * all;
}

/**
 * A matrix over the slots, encoded for one level: encoded once, applied to any number of ciphertexts.
 * Baby-step giant-step with double hoisting: see double-hoisting.ts.
 * @throws OperandError for a level, a number of slots or of baby steps that does not exist, and for entries that are not
 * finite or too large for the scale
 */
export class LinearTransform implements Disposable {
  readonly plan: LinearTransformPlan;
  readonly scale: number;
  readonly #context: Context;
  readonly #terms: ReadonlyMap<number, readonly BabyTerm[]>;

  constructor(context: Context, matrix: DiagonalMatrix, options: LinearTransformOptions) {
    const { parameters } = context;
    this.#context = context;
    this.plan = new LinearTransformPlan(parameters, matrix.slots, [...matrix.diagonals.keys()], options.level, options);
    this.scale = options.scale ?? parameters.primeAt(options.level);
    const basis = [...parameters.basis(options.level), ...parameters.specialBasis(this.plan.special)];
    const terms = new Map<number, BabyTerm[]>();
    this.#terms = terms;
    try {
      for (const [giant, list] of this.plan.giantSteps) {
        // The giant rotation comes after the product, so the diagonals are rotated back by it.
        const turned = function* () {
          for (const { diagonal } of list) yield rotated(matrix.diagonals.get(diagonal)!, -giant);
        };
        const encoded = encodeDiagonals(context, turned(), this.scale, basis);
        terms.set(
          giant,
          list.map(({ baby, far }, i) => ({ source: far ? 1 : 0, baby, diagonal: encoded[i]! })),
        );
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Bytes of the encoded diagonals. */
  get bytes(): number {
    let sum = 0;
    for (const terms of this.#terms.values()) for (const { diagonal } of terms) sum += 8 * diagonal.slab.words;
    return sum;
  }

  /**
   * matrix * slots, rescaled: at plan.level - 1, with the scale of `a` times this transform's over the level's prime.
   * Cost: a key switch for each giant step, a hoisted one (no NTT) for each baby step.
   * @throws OperandError where `a` does not fit, KeyError for a missing rotation key (`plan.galoisUses` lists them)
   */
  apply(evaluator: Evaluator, a: Ciphertext): Ciphertext {
    const { kernels, parameters } = this.#context;
    const { level, special, slots } = this.plan;
    this.#context.require(evaluator.context, 'the evaluator');
    checkOperand(this.#context, a, 'the operand of a linear transform');
    if (a.level < level)
      throw new OperandError(
        `this transform was encoded for level ${level}, the ciphertext is at level ${a.level}: encode it lower, or bootstrap`,
      );
    if (a.slots !== slots)
      throw new OperandError(`this transform works on ${slots} slots, the ciphertext has ${a.slots}`);
    if (a.size !== 2)
      throw new OperandError('a linear transform needs a ciphertext of two parts: relinearise it first');
    checkScale(parameters, a.scale * this.scale, level);
    const { switcher } = evaluator;
    const basis = { level, special };
    const words = switcher.words(basis);
    const giantSteps = [...this.#terms.keys()];
    using sums = new Slab(kernels, 2 * words * giantSteps.length);
    const sumOf = (giant: number): Pair => {
      const at = 2 * giantSteps.indexOf(giant);
      return [sums.address(at * words), sums.address((at + 1) * words)];
    };
    this.#sumBabySteps(switcher, a, sumOf);
    const { ladder } = this.plan;
    const isRoomNeeded = ladder ? ladder.first !== 0 : !giantSteps.includes(0);
    using room = isRoomNeeded ? new Slab(kernels, 2 * words) : undefined;
    const total = this.#sumGiantSteps(switcher, sumOf, room && [room.address(), room.address(words)]);
    const result = new Ciphertext(this.#context, level - 1, (a.scale * this.scale) / parameters.primeAt(level), slots);
    switcher.modDown([0, 1].map((half) => ({ dst: result.part(half), src: total[half]! })), basis, true); // biome-ignore format: short
    return result;
  }

  /** The sum of each giant step's products, before its rotation. */
  #sumBabySteps(switcher: KeySwitcher, a: Ciphertext, sumOf: (giant: number) => Pair): void {
    const { level, special, middle } = this.plan;
    const basis = { level, special };
    const sums = [...this.#terms].map(([giant, terms]) => ({ sum: sumOf(giant), terms }));
    using digits = switcher.decompose(a.part(1), basis);
    const near = { parts: pairOf(a), digits };
    if (middle === 0) {
      sumBabySteps(switcher, [near], sums);
      return;
    }
    using far = rotatedSource(switcher, near, middle);
    sumBabySteps(switcher, [near, far], sums);
  }

  /** The sums of giant steps, rotated and added up: at `room`, or where one of them is. */
  #sumGiantSteps(switcher: KeySwitcher, sumOf: (giant: number) => Pair, room: Pair | undefined): Pair {
    const { level, special, giantSteps, ladder } = this.plan;
    const basis = { level, special };
    if (!ladder) {
      // The group that needs no giant rotation is where the others are added up.
      let started = giantSteps.has(0);
      const total = started ? sumOf(0) : room!;
      for (const giant of giantSteps.keys()) {
        if (giant === 0) continue;
        addGiantStep(switcher, total, sumOf(giant), giant, basis, started);
        started = true;
      }
      return total;
    }
    const [highest, ...below] = ladder.order;
    let total = sumOf(highest!);
    for (const giant of below) {
      addGiantStep(switcher, sumOf(giant), total, ladder.step, basis, true);
      total = sumOf(giant);
    }
    if (ladder.first === 0) return total;
    addGiantStep(switcher, room!, total, ladder.first, basis, false);
    return room!;
  }

  [Symbol.dispose](): void {
    for (const terms of this.#terms.values()) for (const { diagonal } of terms) diagonal.slab.release();
  }
}

function rotated({ real, imag }: ComplexVector, steps: number): ComplexVector {
  const n = real.length;
  const turn = (v: Float64Array) => v.map((_, i) => v[(i + steps + n) & (n - 1)]!);
  return { real: turn(real), imag: turn(imag) };
}

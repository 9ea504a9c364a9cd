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
  type Pair,
  type Parameters,
  pairOf,
} from '../../scheme/index.ts';
import type { ComplexVector, DiagonalMatrix } from './diagonals.ts';
import { addGiantStep, type BabyTerm, sumBabySteps } from './double-hoisting.ts';
import { encodeDiagonal } from './encoded-diagonal.ts';

export interface LinearTransformOptions {
  /** The level of the input; the output is one below. */
  readonly level: number;
  /** The scale the diagonals are encoded at; default: the level's prime, which leaves the ciphertext's scale unchanged. */
  readonly scale?: number;
  /** Rotations by multiples of the stride up to this many are baby steps (hoisted); a power of two. Default: by cost. */
  readonly babySteps?: number;
}

interface Term {
  /** Which diagonal of the matrix: its d. */
  readonly diagonal: number;
  /** The baby rotation it meets. */
  readonly baby: number;
}

/** Which rotations, in which order: all that can be known without a ciphertext. @throws OperandError as LinearTransform */
export class LinearTransformPlan {
  readonly slots: number;
  readonly level: number;
  readonly special: number;
  /** Baby rotations, 0 included where it is used. */
  readonly babySteps: readonly number[];
  /** Giant rotations in [0, slots) with the terms they gather. */
  readonly giantSteps: ReadonlyMap<number, readonly Term[]>;

  constructor(parameters: Parameters, slots: number, diagonals: readonly number[], level: number, babySteps?: number) {
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
    this.babySteps = split.babySteps;
    this.giantSteps = split.giantSteps;
  }

  /** The rotation keys this transform needs. */
  galoisUses(logN: number): GaloisUse[] {
    return [...new Set([...this.babySteps, ...this.giantSteps.keys()])]
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
  const giantSteps = new Map<number, Term[]>();
  for (const diagonal of [...diagonals].sort((a, b) => a - b)) {
    const baby = ((diagonal % giantStep) + giantStep) % giantStep;
    const giant = (((diagonal - baby) % slots) + slots) % slots;
    babySteps.add(baby);
    if (!giantSteps.has(giant)) giantSteps.set(giant, []);
    giantSteps.get(giant)!.push({ diagonal, baby });
  }
  return { babySteps: [...babySteps].sort((a, b) => a - b), giantSteps };
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
    this.plan = new LinearTransformPlan(
      parameters,
      matrix.slots,
      [...matrix.diagonals.keys()],
      options.level,
      options.babySteps,
    );
    this.scale = options.scale ?? parameters.primeAt(options.level);
    const basis = [...parameters.basis(options.level), ...parameters.specialBasis(this.plan.special)];
    const terms = new Map<number, BabyTerm[]>();
    this.#terms = terms;
    try {
      for (const [giant, list] of this.plan.giantSteps) {
        const encoded: BabyTerm[] = [];
        terms.set(giant, encoded);
        for (const { diagonal, baby } of list)
          encoded.push({
            baby,
            // The giant rotation comes after the product, so the diagonal is rotated back by it.
            diagonal: encodeDiagonal(context, rotated(matrix.diagonals.get(diagonal)!, -giant), this.scale, basis),
          });
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
    const giantSteps = [...this.#terms];
    // The group that needs no giant rotation is where the others are added up.
    const still = giantSteps.findIndex(([steps]) => steps === 0);
    using sums = new Slab(kernels, 2 * words * giantSteps.length);
    const sumOf = (giant: number): Pair => [sums.address(2 * giant * words), sums.address((2 * giant + 1) * words)];
    {
      using digits = switcher.decompose(a.part(1), basis);
      sumBabySteps(switcher, pairOf(a), digits, giantSteps.map(([, terms], i) => ({ sum: sumOf(i), terms }))); // biome-ignore format: short
    }
    using own = still < 0 ? new Slab(kernels, 2 * words) : undefined;
    const total: Pair = own ? [own.address(), own.address(words)] : sumOf(still);
    let started = still >= 0;
    for (const [i, [steps]] of giantSteps.entries()) {
      if (steps === 0) continue;
      addGiantStep(switcher, total, sumOf(i), steps, basis, started);
      started = true;
    }
    const result = new Ciphertext(this.#context, level - 1, (a.scale * this.scale) / parameters.primeAt(level), slots);
    switcher.modDown([0, 1].map((half) => ({ dst: result.part(half), src: total[half]! })), basis, true); // biome-ignore format: short
    return result;
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

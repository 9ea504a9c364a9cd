import { OperandError } from '../../errors/index.ts';
import { Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import {
  Ciphertext,
  checkOperand,
  type Evaluator,
  type ExtendedBasis,
  type KeySwitcher,
  type Pair,
} from '../../scheme/index.ts';
import { type Babies, DividedBabies, ExtendedBabies } from './babies.ts';
import { type DiagonalPeriod, encodedLength, encodePeriods } from './encoded-diagonal.ts';
import {
  defaultDiagonalBytes,
  type Group,
  type StreamedMatrix,
  type StreamedTransformOptions,
  StreamedTransformPlan,
} from './streamed-plan.ts';

/**
 * outputs[o] = sum over i and r of diagonal(o, i, r) * rotate(inputs[i], r), rescaled, by baby and giant steps with double
 * hoisting as in `LinearTransform`, for matrices whose diagonals together are too large to hold: they are encoded, used
 * and dropped a few at a time. Inputs may have different scales and any level from `level` up: their diagonals are encoded
 * at the scale that makes up for it.
 *
 * Cost: a decomposition for each input, a hoisted rotation for each baby step (again for each part of `diagonalBytes`, or once
 * and divided), a key switch for each output and giant step, and for each diagonal one FFT and one NTT a limb.
 * @throws OperandError for operands that do not fit, KeyError for a missing rotation key
 */
export function applyStreamed(
  evaluator: Evaluator,
  inputs: readonly Ciphertext[],
  matrix: StreamedMatrix,
  options: StreamedTransformOptions,
): Ciphertext[] {
  const slots = checkInputs(evaluator, inputs, options.level);
  const plan = new StreamedTransformPlan(slots, inputs.length, matrix, options);
  using work = new StreamedWork(evaluator.switcher, inputs, matrix, options, plan, slots);
  const mostDiagonals = work.diagonalsIn(options.diagonalBytes ?? defaultDiagonalBytes);
  for (const part of parts(plan.groups, mostDiagonals)) work.add(part, mostDiagonals);
  return work.finish();
}

function checkInputs(evaluator: Evaluator, inputs: readonly Ciphertext[], level: number): number {
  const first = inputs[0];
  if (!first) throw new OperandError('a linear transform needs an input');
  if (level < 1) throw new OperandError(`a linear transform takes one level: apply it at level 1 or above`);
  for (const input of inputs) {
    checkOperand(evaluator.context, input, 'an operand of a linear transform');
    if (input.level < level)
      throw new OperandError(
        `a linear transform at level ${level} has an operand at level ${input.level}: bootstrap it`,
      );
    if (input.slots !== first.slots || input.size !== 2)
      throw new OperandError('the operands of a linear transform need two parts and equally many slots');
  }
  return first.slots;
}

/** Rotated runs of this many babies stay in a core's cache until all giant steps have used them: 4 KiB each. */
const mostRotations = 64;

/** Groups in their order, as many together as have at most `most` diagonals (one at least). */
function parts(groups: readonly Group[], most: number): Group[][] {
  const result: Group[][] = [];
  let count = 0;
  for (const group of groups) {
    if (result.length === 0 || count + group.terms.length > most) {
      result.push([]);
      count = 0;
    }
    result.at(-1)!.push(group);
    count += group.terms.length;
  }
  return result;
}

/** The state of one application: rotated inputs, and sums in the extended basis for each output. */
class StreamedWork implements Disposable {
  readonly #switcher: KeySwitcher;
  readonly #inputs: readonly Ciphertext[];
  readonly #matrix: StreamedMatrix;
  readonly #options: StreamedTransformOptions;
  readonly #slots: number;
  readonly #basis: ExtendedBasis;
  readonly #babies: Babies;
  /** Ring primes of diagonals and their sums. */
  readonly #primes: Basis;
  readonly #totals: (Slab | undefined)[];

  constructor(
    switcher: KeySwitcher,
    inputs: readonly Ciphertext[],
    matrix: StreamedMatrix,
    options: StreamedTransformOptions,
    transform: StreamedTransformPlan,
    slots: number,
  ) {
    const { parameters } = switcher.context;
    const { level, special = parameters.gadget(level).special } = options;
    this.#switcher = switcher;
    this.#inputs = inputs;
    this.#matrix = matrix;
    this.#options = options;
    this.#slots = slots;
    this.#basis = { level, special };
    this.#babies = options.dividesBabies
      ? new DividedBabies(switcher, inputs, transform, this.#basis)
      : new ExtendedBabies(switcher, inputs, this.#basis, transform.middle);
    this.#primes = [...parameters.basis(level), ...parameters.specialBasis(this.#babies.basis.special)];
    this.#totals = Array.from({ length: options.outputs }, () => undefined);
  }

  /** How many encoded diagonals take at most so many bytes. */
  diagonalsIn(bytes: number): number {
    const { ring } = this.#switcher.context;
    return bytes / (8 * this.#primes.length * encodedLength(ring.n, this.#matrix.period ?? this.#slots));
  }

  #scaleOf(output: number): number {
    const { scale } = this.#options;
    return typeof scale === 'number' ? scale : scale[output]!;
  }

  /** Polynomials `index` and `index` + 1 of a slab in this basis. */
  #pair(slab: Slab, basis: ExtendedBasis, index = 0): Pair {
    const words = this.#switcher.words(basis);
    return [slab.address(index * words), slab.address((index + 1) * words)];
  }

  /** Adds the products of these groups to the totals of their outputs. */
  add(groups: readonly Group[], mostDiagonals: number): void {
    const { kernels, ring } = this.#switcher.context;
    const together = this.#inputsTogether(groups, mostDiagonals);
    const { basis } = this.#babies;
    const words = 2 * this.#switcher.words(basis) * groups.length;
    using sums = new Slab(kernels, words);
    using more = together.length > 1 ? new Slab(kernels, words) : undefined;
    const started = groups.map(() => false);
    for (const inputs of together) {
      const mine = [...groups.keys()].filter((g) => groups[g]!.terms.some(({ input }) => inputs.includes(input)));
      // A group's first products go to its sum, those of further inputs beside it.
      const into = (g: number) => this.#pair(started[g] ? more! : sums, basis, 2 * g);
      this.#multiply(inputs, mine.map((g) => ({ ...groups[g]!, sum: into(g) }))); // biome-ignore format: short
      for (const g of mine) {
        const sum = this.#pair(sums, basis, 2 * g);
        if (started[g]) for (const half of [0, 1]) ring.add(sum[half]!, sum[half]!, into(g)[half]!, this.#primes);
        started[g] = true;
      }
    }
    for (const [g, { output, giant }] of groups.entries()) this.#gather(output, giant, this.#pair(sums, basis, 2 * g));
  }

  /** Inputs of these groups, as many together as have at most so many diagonals and rotations (one at least). */
  #inputsTogether(groups: readonly Group[], mostDiagonals: number): number[][] {
    const result: number[][] = [];
    let [diagonals, rotations] = [0, 0];
    for (const input of this.#inputs.keys()) {
      const terms = groups.flatMap((group) => group.terms.filter((term) => term.input === input));
      if (terms.length === 0) continue;
      const babies = new Set(terms.map(({ baby, far }) => `${baby}/${far}`)).size;
      if (result.length === 0 || diagonals + terms.length > mostDiagonals || rotations + babies > mostRotations) {
        result.push([]);
        [diagonals, rotations] = [0, 0];
      }
      result.at(-1)!.push(input);
      diagonals += terms.length;
      rotations += babies;
    }
    return result;
  }

  /** For each group: sum = the products of its diagonals with the baby rotations of these inputs. */
  #multiply(inputs: readonly number[], groups: readonly (Group & { readonly sum: Pair })[]): void {
    const mine = groups.map(({ terms, ...group }) => ({
      ...group,
      terms: terms.filter(({ input }) => inputs.includes(input)),
    }));
    const encoded = encodePeriods(this.#switcher.context, this.#periods(mine), this.#primes);
    try {
      let next = 0;
      this.#babies.multiply(
        mine.map(({ sum, terms }) => ({
          sum,
          products: terms.map(({ input, baby, far }) => ({ input, baby, far, diagonal: encoded[next++]! })),
        })),
      );
    } finally {
      for (const { slab } of encoded) slab.release();
    }
  }

  *#periods(groups: readonly Group[]): Generator<DiagonalPeriod> {
    for (const { output, giant, terms } of groups)
      for (const { input, rotation } of terms) yield this.#period(output, input, rotation, giant);
  }

  #period(output: number, input: number, rotation: number, giant: number): DiagonalPeriod {
    const { context } = this.#switcher;
    const real = this.#matrix.diagonal(output, input, rotation);
    const imag = this.#matrix.imaginary?.(output, input, rotation);
    if (real.length !== this.#slots)
      throw new OperandError(`the diagonal ${rotation} has ${real.length} entries, the operand ${this.#slots} slots`);
    const period = this.#matrix.period ?? this.#slots;
    const prime = context.parameters.primeAt(this.#basis.level);
    const scale = (this.#scaleOf(output) * prime) / this.#inputs[input]!.scale;
    // The giant rotation comes after the product, so the diagonal is rotated back by it.
    const start = giant % period;
    const turned = (values: Float64Array) => {
      const result = new Float64Array(period);
      result.set(values.subarray(0, period - start), start);
      result.set(values.subarray(period - start, period), 0);
      return result;
    };
    return { real: turned(real), imag: imag && turned(imag), scale };
  }

  /** total[output] += rotate(sum, giant), in the extended basis. */
  #gather(output: number, giant: number, sum: Pair): void {
    const accumulate = this.#totals[output] !== undefined;
    this.#totals[output] ??= new Slab(this.#switcher.context.kernels, 2 * this.#switcher.words(this.#basis));
    this.#babies.gather(this.#pair(this.#totals[output], this.#basis), sum, giant, accumulate);
  }

  /** Divides the totals by the special primes and the level's own. @throws OperandError for an output without diagonals */
  finish(): Ciphertext[] {
    const { context } = this.#switcher;
    const results: Ciphertext[] = [];
    try {
      for (const [output, total] of this.#totals.entries()) {
        if (!total) throw new OperandError(`output ${output} of a linear transform has no diagonals`);
        const result = new Ciphertext(context, this.#basis.level - 1, this.#scaleOf(output), this.#slots);
        results.push(result);
        const halves = this.#pair(total, this.#basis).map((src, half) => ({ dst: result.part(half), src }));
        this.#switcher.modDown(halves, this.#basis, true);
      }
      return results;
    } catch (error) {
      for (const result of results) result[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#babies[Symbol.dispose]();
    for (const total of this.#totals) total?.release();
  }
}

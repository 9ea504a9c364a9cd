import { OperandError } from '../../errors/index.ts';
import { Op, Slab } from '../../kernels/index.ts';
import { Ciphertext, type Decomposition, type Evaluator } from '../../scheme/index.ts';
import { type EncodedDiagonal, encodedLength, encodePeriod } from './encoded-diagonal.ts';

/** A matrix between slots of several ciphertexts, its diagonals made when they are asked for. */
export interface StreamedMatrix {
  /** Rotations r in [0, slots) with a non-zero diagonal for (output, input). */
  rotations(output: number, input: number): readonly number[];
  /** One entry a slot: out[s] += diagonal[s] * in[(s + r) mod slots]. */
  diagonal(output: number, input: number, rotation: number): Float64Array;
  /** The imaginary parts of the same diagonal, where there are any. Default: none. */
  imaginary?(output: number, input: number, rotation: number): Float64Array | undefined;
  /** Where known: all diagonals repeat after this many slots, a power of two; they are cheaper to encode. */
  readonly period?: number;
}

export interface StreamedTransformOptions {
  /** The level of the product; results are one below. */
  readonly level: number;
  readonly outputs: number;
  /** The scale of the results, exactly: of all, or of each. */
  readonly scale: number | readonly number[];
  /** Every rotation is a giant plus a baby step, modulo the slots. */
  readonly babySteps: readonly number[];
  readonly giantSteps: readonly number[];
  /** Special primes of the rotation keys to use. Default: those of the level's gadget. */
  readonly special?: number;
  /** Bytes that encoded diagonals may take at a time. Default: `defaultDiagonalBytes`. */
  readonly diagonalBytes?: number;
}

/** Larger maps are worked in parts, each of which rotates the inputs again. */
export const defaultDiagonalBytes = 2 ** 29;

/** One diagonal and where it belongs. */
interface Term {
  readonly input: number;
  readonly rotation: number;
  readonly baby: number;
}

/** The diagonals of one output that share a giant step. */
interface Group {
  readonly output: number;
  readonly giant: number;
  readonly terms: readonly Term[];
}

/** How rotations split into baby and giant steps: known without a ciphertext. */
export class StreamedTransformPlan {
  readonly groups: readonly Group[];
  /** Steps in use, in [0, slots). */
  readonly babies: readonly number[];
  readonly giants: readonly number[];
  readonly diagonals: number;

  constructor(
    slots: number,
    inputs: number,
    matrix: Pick<StreamedMatrix, 'rotations'>,
    options: Pick<StreamedTransformOptions, 'outputs' | 'babySteps' | 'giantSteps'>,
  ) {
    const steps = (list: readonly number[]) => [...new Set(list.map((step) => modulo(step, slots)))];
    const babies = new Set(steps(options.babySteps));
    const giants = steps(options.giantSteps);
    const groups = new Map<string, { output: number; giant: number; terms: Term[] }>();
    for (let output = 0; output < options.outputs; output++)
      for (let input = 0; input < inputs; input++)
        for (const rotation of matrix.rotations(output, input)) {
          const giant = giants.find((step) => babies.has(modulo(rotation - step, slots)));
          if (giant === undefined)
            throw new OperandError(
              `no baby and giant step add up to the rotation ${rotation} of output ${output} and input ${input}: add one`,
            );
          const key = `${output}/${giant}`;
          if (!groups.has(key)) groups.set(key, { output, giant, terms: [] });
          groups.get(key)!.terms.push({ input, rotation, baby: modulo(rotation - giant, slots) });
        }
    this.groups = [...groups.values()];
    this.babies = [...new Set(this.groups.flatMap(({ terms }) => terms.map(({ baby }) => baby)))];
    this.giants = [...new Set(this.groups.map(({ giant }) => giant))];
    this.diagonals = this.groups.reduce((sum, { terms }) => sum + terms.length, 0);
  }

  /** Rotations that need a key, each once. */
  get rotations(): number[] {
    return [...new Set([...this.babies, ...this.giants])].filter((steps) => steps !== 0);
  }
}

/**
 * outputs[o] = sum over i and r of diagonal(o, i, r) * rotate(inputs[i], r), rescaled, by baby and giant steps with double
 * hoisting as in `LinearTransform`, for matrices whose diagonals together are too large to hold: they are encoded, used
 * and dropped a few at a time. Inputs may have different scales and any level from `level` up: their diagonals are encoded
 * at the scale that makes up for it.
 *
 * Cost: a decomposition for each input, a hoisted rotation for each baby step (again for each part of `diagonalBytes`), a key
 * switch for each output and giant step, and for each diagonal one FFT and one NTT a limb.
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
  const work = new StreamedWork(evaluator, inputs, matrix, options, slots);
  try {
    const { context } = evaluator;
    const words = (options.level + 1 + work.special) * encodedLength(context.ring.n, matrix.period ?? slots);
    const most = (options.diagonalBytes ?? defaultDiagonalBytes) / (8 * words);
    for (const part of parts(plan.groups, most)) work.add(part);
    return work.finish();
  } finally {
    work[Symbol.dispose]();
  }
}

function checkInputs(evaluator: Evaluator, inputs: readonly Ciphertext[], level: number): number {
  const first = inputs[0];
  if (!first) throw new OperandError('a linear transform needs an input');
  if (level < 1) throw new OperandError(`a linear transform takes one level: apply it at level 1 or above`);
  for (const input of inputs) {
    evaluator.check(input, 'an operand of a linear transform');
    if (input.level < level)
      throw new OperandError(
        `a linear transform at level ${level} has an operand at level ${input.level}: bootstrap it`,
      );
    if (input.slots !== first.slots || input.size !== 2)
      throw new OperandError('the operands of a linear transform need two parts and equally many slots');
  }
  return first.slots;
}

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

/** The state of one application: extended digits of the inputs, and sums in the extended basis for each output. */
class StreamedWork implements Disposable {
  readonly special: number;
  readonly #evaluator: Evaluator;
  readonly #inputs: readonly Ciphertext[];
  readonly #matrix: StreamedMatrix;
  readonly #options: StreamedTransformOptions;
  readonly #slots: number;
  readonly #digits: readonly Decomposition[];
  readonly #totals: (Slab | undefined)[];
  readonly #half: number;

  constructor(
    evaluator: Evaluator,
    inputs: readonly Ciphertext[],
    matrix: StreamedMatrix,
    options: StreamedTransformOptions,
    slots: number,
  ) {
    const { parameters, ring } = evaluator.context;
    this.#evaluator = evaluator;
    this.#inputs = inputs;
    this.#matrix = matrix;
    this.#options = options;
    this.#slots = slots;
    this.special = options.special ?? parameters.gadget(options.level).special;
    this.#half = (options.level + 1 + this.special) * ring.n;
    this.#digits = inputs.map((input) => evaluator.decompose(input.part(1), options.level, this.special));
    this.#totals = Array.from({ length: options.outputs }, () => undefined);
  }

  get #bases() {
    const { parameters } = this.#evaluator.context;
    return { q: parameters.basis(this.#options.level), p: parameters.specialBasis(this.special) };
  }

  #scaleOf(output: number): number {
    const { scale } = this.#options;
    return typeof scale === 'number' ? scale : scale[output]!;
  }

  /** Adds the products of these groups to the totals of their outputs. */
  add(groups: readonly Group[]): void {
    const { kernels, ring } = this.#evaluator.context;
    const { q, p } = this.#bases;
    using sums = new Slab(kernels, 2 * this.#half * groups.length);
    using more = this.#inputs.length > 1 ? new Slab(kernels, 2 * this.#half * groups.length) : undefined;
    const started = groups.map(() => false);
    for (const input of this.#inputs.keys()) {
      const mine = [...groups.keys()].filter((g) => groups[g]!.terms.some((term) => term.input === input));
      if (mine.length === 0) continue;
      // A group's first products go to its sum, those of further inputs beside it.
      const into = (g: number) => (started[g] ? more! : sums).address(2 * g * this.#half);
      this.#multiply(input, mine.map((g) => ({ ...groups[g]!, sum: into(g) }))); // biome-ignore format: short
      for (const g of mine) {
        const all = [...q, ...p];
        for (const at of started[g] ? [2 * g * this.#half, (2 * g + 1) * this.#half] : [])
          ring.add(sums.address(at), sums.address(at), more!.address(at), all);
        started[g] = true;
      }
    }
    for (const [g, { output, giant }] of groups.entries())
      this.#gather(output, giant, sums.address(2 * g * this.#half), sums.address((2 * g + 1) * this.#half));
  }

  /** For each group: sum[0], sum[1] = the products of its diagonals with the baby rotations of one input. */
  #multiply(input: number, groups: readonly (Group & { readonly sum: number })[]): void {
    const { context } = this.#evaluator;
    const { kernels, ring } = context;
    const { q, p } = this.#bases;
    const { level } = this.#options;
    const ciphertext = this.#inputs[input]!;
    const mine = groups.map((group) => ({ ...group, terms: group.terms.filter((term) => term.input === input) }));
    const babies = [...new Set(mine.flatMap(({ terms }) => terms.map(({ baby }) => baby)))];
    const keys = babies.flatMap((steps) => {
      if (steps === 0) return [1, 0, 0];
      const key = this.#evaluator.rotationKey(steps, level, this.special);
      return [key.galois, key.slab.address(), key.level + 1];
    });
    const encoded: EncodedDiagonal[] = [];
    try {
      const outputs = mine.flatMap(({ output, giant, terms, sum }) => [
        sum,
        sum + 8 * this.#half,
        terms.length,
        ...terms.flatMap(({ rotation, baby }) => {
          const diagonal = this.#encode(output, input, rotation, giant);
          encoded.push(diagonal);
          return [babies.indexOf(baby), diagonal.slab.address(), diagonal.runBits];
        }),
      ]);
      kernels.call(
        Op.linearBabySteps, ring.handle, this.#digits[input]!.address, ciphertext.part(0), ciphertext.part(1), q, p,
        this.#digits[input]!.digits, babies.length, ...keys, mine.length, ...outputs,
      ); // biome-ignore format: one kernel call
    } finally {
      for (const { slab } of encoded) slab.release();
    }
  }

  #encode(output: number, input: number, rotation: number, giant: number): EncodedDiagonal {
    const { context } = this.#evaluator;
    const { q, p } = this.#bases;
    const { level } = this.#options;
    const real = this.#matrix.diagonal(output, input, rotation);
    const imaginary = this.#matrix.imaginary?.(output, input, rotation);
    if (real.length !== this.#slots)
      throw new OperandError(`the diagonal ${rotation} has ${real.length} entries, the operand ${this.#slots} slots`);
    const period = this.#matrix.period ?? this.#slots;
    const own = (this.#scaleOf(output) * context.parameters.primeAt(level)) / this.#inputs[input]!.scale;
    // The giant rotation comes after the product, so the diagonal is rotated back by it.
    const start = giant % period;
    const turned = (values: Float64Array) => {
      const result = new Float64Array(period);
      result.set(values.subarray(0, period - start), start);
      result.set(values.subarray(period - start, period), 0);
      return result;
    };
    return encodePeriod(context, turned(real), imaginary && turned(imaginary), own, [...q, ...p]);
  }

  /** total[output] += rotate(sum, giant), in the extended basis. */
  #gather(output: number, giant: number, sum0: number, sum1: number): void {
    const { context } = this.#evaluator;
    const { kernels, ring } = context;
    const { q, p } = this.#bases;
    const { level } = this.#options;
    const accumulate = this.#totals[output] !== undefined;
    this.#totals[output] ??= new Slab(kernels, 2 * this.#half);
    const total = this.#totals[output];
    const [total0, total1] = [total.address(), total.address(this.#half)];
    if (giant === 0) {
      const all = [...q, ...p];
      for (const [to, from] of [[total0, sum0], [total1, sum1]] as const) // biome-ignore format: pairs
        if (accumulate) ring.add(to, to, from, all);
        else ring.addScalar(to, from, 0n, all);
      return;
    }
    const key = this.#evaluator.rotationKey(giant, level, this.special);
    using second = new Slab(kernels, q.length * ring.n);
    ring.divide([{ dst: second.address(), src: sum1 }], q, p);
    using digits = this.#evaluator.decompose(second.address(), level, this.special);
    this.#evaluator.innerProduct(total0, total1, digits, key, { addend: sum0, accumulate });
  }

  /** Divides the totals by the special primes and the level's own. Throws for an output without diagonals. */
  finish(): Ciphertext[] {
    const { context } = this.#evaluator;
    const { q, p } = this.#bases;
    const { level } = this.#options;
    const results: Ciphertext[] = [];
    try {
      for (const [output, total] of this.#totals.entries()) {
        if (!total) throw new OperandError(`output ${output} of a linear transform has no diagonals`);
        const result = new Ciphertext(context, level - 1, this.#scaleOf(output), this.#slots);
        results.push(result);
        const halves = [0, 1].map((part) => ({ dst: result.part(part), src: total.address(part * this.#half) }));
        context.ring.divide(halves, q.slice(0, -1), [level, ...p]);
      }
      return results;
    } catch (error) {
      for (const result of results) result[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const digits of this.#digits) digits[Symbol.dispose]();
    for (const total of this.#totals) total?.release();
  }
}

function modulo(steps: number, slots: number): number {
  return ((steps % slots) + slots) % slots;
}

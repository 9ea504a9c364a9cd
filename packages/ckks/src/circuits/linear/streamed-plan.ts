import { modulo } from '@cipherformer/base';
import { OperandError } from '../../errors/index.ts';

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

/** Larger maps are worked in parts, each of which rotates the inputs again. */
export const defaultDiagonalBytes = 2 ** 29;

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
  /**
   * Whether a middle step may be taken: baby steps beyond it start from inputs rotated by it, so that fewer keys serve, for a
   * division of one polynomial and a decomposition of each input; for divided rotations a decomposition alone. Default: no.
   */
  readonly fewKeys?: boolean;
  /**
   * Whether baby rotations are divided by the special primes once and held, so that diagonals have the level's primes alone: for
   * maps with many diagonals a rotation. Default: no.
   */
  readonly dividesBabies?: boolean;
  /** Bytes that encoded diagonals may take at a time. Default: `defaultDiagonalBytes`. */
  readonly diagonalBytes?: number;
}

/** One diagonal and where it belongs. */
export interface Term {
  readonly input: number;
  readonly rotation: number;
  /** The step from the input or, where `far`, from the input rotated by the plan's middle step. */
  readonly baby: number;
  readonly far: boolean;
}

/** The diagonals of one output that share a giant step. */
export interface Group {
  readonly output: number;
  readonly giant: number;
  readonly terms: readonly Term[];
}

/** How rotations split into baby and giant steps: known without a ciphertext. */
export class StreamedTransformPlan {
  readonly groups: readonly Group[];
  /** Steps in use, in [0, slots). */
  readonly babySteps: readonly number[];
  readonly giantSteps: readonly number[];
  /** 0: none. */
  readonly middle: number;
  readonly diagonals: number;
  /** The baby steps of each input, counted from the input itself, 0 included where it is used. */
  readonly babiesOf: readonly ReadonlySet<number>[];
  /** Inputs that are rotated by the middle step. */
  readonly middleRotations: number;
  /** Rotations of inputs and of sums: those by 0 are none. */
  readonly babyRotations: number;
  readonly giantRotations: number;
  constructor(
    slots: number,
    inputs: number,
    matrix: Pick<StreamedMatrix, 'rotations'>,
    options: Pick<StreamedTransformOptions, 'outputs' | 'babySteps' | 'giantSteps' | 'fewKeys'>,
  ) {
    const steps = (list: readonly number[]) => [...new Set(list.map((step) => modulo(step, slots)))];
    const babySteps = new Set(steps(options.babySteps));
    const giantSteps = steps(options.giantSteps);
    const groups = new Map<string, { output: number; giant: number; terms: Omit<Term, 'far'>[] }>();
    for (let output = 0; output < options.outputs; output++)
      for (let input = 0; input < inputs; input++)
        for (const rotation of matrix.rotations(output, input)) {
          const giant = giantSteps.find((step) => babySteps.has(modulo(rotation - step, slots)));
          if (giant === undefined)
            throw new OperandError(
              `no baby and giant step add up to the rotation ${rotation} of output ${output} and input ${input}: add one`,
            );
          const key = `${output}/${giant}`;
          if (!groups.has(key)) groups.set(key, { output, giant, terms: [] });
          groups.get(key)!.terms.push({ input, rotation, baby: modulo(rotation - giant, slots) });
        }
    const whole = [...groups.values()];
    const used = new Set(whole.flatMap(({ terms }) => terms.map(({ baby }) => baby)));
    this.middle = options.fewKeys ? middleOf(used) : 0;
    this.groups = whole.map(({ terms, ...group }) => ({
      ...group,
      terms: terms.map((term) => ({ ...term, ...fromMiddle(term.baby, this.middle) })),
    }));
    this.babySteps = [...new Set(this.groups.flatMap(({ terms }) => terms.map(({ baby }) => baby)))];
    this.giantSteps = [...new Set(this.groups.map(({ giant }) => giant))];
    this.diagonals = this.groups.reduce((sum, { terms }) => sum + terms.length, 0);
    const babiesOf = Array.from({ length: inputs }, () => new Set<number>());
    for (const { terms } of whole) for (const { input, baby } of terms) babiesOf[input]!.add(baby);
    this.babiesOf = babiesOf;
    this.middleRotations = babiesOf.filter((babies) =>
      [...babies].some((baby) => fromMiddle(baby, this.middle).far),
    ).length;
    this.babyRotations = babiesOf.reduce((sum, babies) => sum + babies.size - (babies.has(0) ? 1 : 0), 0);
    this.giantRotations = this.groups.filter(({ giant }) => giant !== 0).length;
  }

  /** The rotations that give an input these baby steps, each once. */
  keysOf(babies: ReadonlySet<number>): number[] {
    const steps = [...babies].map((baby) => fromMiddle(baby, this.middle));
    const middle = steps.some(({ far }) => far) ? [this.middle] : [];
    return [...new Set([...steps.map(({ baby }) => baby), ...middle])].filter((step) => step !== 0);
  }

  /** Rotations that need a key, each once. */
  get rotations(): number[] {
    return [...new Set([...this.babySteps, this.middle, ...this.giantSteps])].filter((steps) => steps !== 0);
  }
}

/** A baby step counted from the middle step where it lies beyond it. */
export function fromMiddle(baby: number, middle: number): { readonly baby: number; readonly far: boolean } {
  const far = middle !== 0 && baby >= middle;
  return { baby: far ? baby - middle : baby, far };
}

/** The baby step that, as a middle one, leaves the fewest keys; 0 where it saves no two. */
function middleOf(babies: ReadonlySet<number>): number {
  const rotations = [...babies].filter((baby) => baby !== 0).sort((a, b) => a - b);
  let best = { middle: 0, keys: rotations.length - 1 };
  for (const middle of rotations) {
    const near = rotations.map((baby) => fromMiddle(baby, middle).baby).filter((baby) => baby !== 0);
    const keys = new Set([...near, middle]).size;
    if (keys < best.keys || (keys === best.keys && best.middle !== 0)) best = { middle, keys };
  }
  return best.middle;
}

import { elementCount, type Shape } from '@cipherformer/model';
import type { Program, Tensor } from '../onnx/program.ts';
import { mul } from '../ops/index.ts';
import type { Random } from '../random.ts';

/** How a stored tensor starts before training. */
export type Initial =
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'values'; readonly values: readonly number[] };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initial: Initial;
  /** Matrices decay; biases, gains and tables by position or distance do not. */
  readonly decay: boolean;
  /** False for buffers: stored with the model, updated by the forward pass (running statistics) or never. */
  readonly trained: boolean;
  /** Rows of each matrix where several lie one under the other. */
  readonly blocks?: readonly number[];
}

/** Something whose values matter to the conversion: the input of an activation, the variance of a normalisation. */
export interface Site {
  readonly name: string;
  readonly kind: 'mlp-activation' | 'attention-activation' | 'attention-softmax' | 'norm-variance' | 'head-activation';
  readonly tensor: Tensor;
  /** 0/1, broadcasting against the tensor: where values count (no padding, no masked positions). */
  readonly include?: Tensor;
}

export interface DropoutInput {
  readonly tensor: Tensor;
  readonly rate: number;
}

export interface BuilderOptions {
  readonly program: Program;
  readonly mode: 'train' | 'evaluate';
  readonly batch: number;
  readonly dropout?: number;
  /** Gives the tensor of a stored parameter or buffer; default: an input of the program of that name. */
  readonly resolve?: (spec: ParameterSpec) => Tensor;
  /**
   * Limits that the argument of an activation, or a frozen normalisation before its gain, is clamped to while training,
   * by name; the site itself is not.
   */
  readonly clamps?: (name: string) => readonly [low: number, high: number] | undefined;
  /** Prefix of every name (a teacher in the same program: "teacher."). */
  readonly prefix?: string;
}

/** Collects what a model being built declares: parameters, buffers and their updates, sites, dropout masks. */
export class Builder {
  readonly program: Program;
  readonly mode: 'train' | 'evaluate';
  readonly batch: number;
  readonly specs: ParameterSpec[] = [];
  readonly sites: Site[] = [];
  readonly updates = new Map<string, Tensor>();
  readonly dropouts: DropoutInput[] = [];
  readonly #shared = new Map<string, Tensor>();
  readonly #rate: number;
  readonly #prefix: string;
  readonly #resolve: (spec: ParameterSpec) => Tensor;
  readonly #clamps: NonNullable<BuilderOptions['clamps']>;

  constructor(options: BuilderOptions) {
    this.program = options.program;
    this.mode = options.mode;
    this.batch = options.batch;
    this.#rate = options.mode === 'train' ? (options.dropout ?? 0) : 0;
    this.#prefix = options.prefix ?? '';
    this.#clamps = options.clamps ?? (() => undefined);
    this.#resolve = options.resolve ?? ((spec) => this.program.input(this.#prefix + spec.name, spec.shape));
  }

  /** A trained tensor. Matrices [out, in] start normal with variance 1/(3 in), as PyTorch's uniform default. */
  parameter(name: string, shape: Shape, initial?: Initial, blocks?: readonly number[]): Tensor {
    const decay = shape.length >= 2;
    const fallback: Initial = decay
      ? { kind: 'normal', deviation: Math.sqrt(1 / (3 * shape.at(-1)!)) }
      : { kind: 'constant', value: 0 };
    return this.#declare({
      name,
      shape,
      initial: initial ?? fallback,
      decay: decay && !/position|distance|relative/.test(name),
      trained: true,
      ...(blocks ? { blocks } : {}),
    });
  }

  /** A trained tensor that several places of the model use: declared once. */
  sharedParameter(name: string, shape: Shape, initial: Initial): Tensor {
    const known = this.#shared.get(name) ?? this.parameter(name, shape, initial);
    this.#shared.set(name, known);
    return known;
  }

  buffer(name: string, shape: Shape, initial: Initial): Tensor {
    return this.#declare({ name, shape, initial, decay: false, trained: false });
  }

  /** The value a buffer takes after this step. */
  update(name: string, value: Tensor): void {
    this.updates.set(this.#prefix + name, value);
  }

  site(site: Site): void {
    this.sites.push({ ...site, name: this.#prefix + site.name });
  }

  /** What the value of this name is clamped to, if the caller asked for it. */
  limits(name: string): readonly [low: number, high: number] | undefined {
    return this.#clamps(name);
  }

  /** Inverted dropout with a mask that the caller feeds; nothing in evaluation or at rate 0. */
  dropout(x: Tensor): Tensor {
    if (this.#rate === 0) return x;
    const mask = this.program.input(`dropout.${this.dropouts.length}`, x.shape);
    this.dropouts.push({ tensor: mask, rate: this.#rate });
    return mul(x, mask);
  }

  #declare(spec: ParameterSpec): Tensor {
    this.specs.push(spec);
    return this.#resolve(spec);
  }
}

/** Draws the starting value of a parameter. */
export function initialise(spec: ParameterSpec, random: Random): Float32Array {
  const count = elementCount(spec.shape);
  const { initial } = spec;
  if (initial.kind === 'constant') return new Float32Array(count).fill(initial.value);
  if (initial.kind === 'values') return Float32Array.from(initial.values);
  // Truncated at two deviations, as usual for transformers.
  return Float32Array.from({ length: count }, () => {
    for (;;) {
      const value = random.normal();
      if (Math.abs(value) <= 2) return value * initial.deviation;
    }
  });
}

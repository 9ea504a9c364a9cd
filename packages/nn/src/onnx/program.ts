import { elementCount, formatShape, type Shape, ShapeError } from '@cipherformer/model';

/**
 * A tensor program: a list of ONNX operations on statically shaped tensors in the order of evaluation, and a tape
 * of what is differentiable. Operators (folder ops/) append one or more operations and, if they are differentiable,
 * one tape record with a closure that appends the operations of its backward pass. `gradients` (autodiff.ts) walks
 * the tape; `toOnnx` (onnx.ts) writes any part of the program that leads to chosen outputs, so the forward half of a
 * training program is its own export.
 */
export type ElementType = 'float32' | 'int64' | 'int32' | 'bool' | 'uint8';

export interface Tensor {
  readonly program: Program;
  readonly name: string;
  /** Row-major, static; an empty shape is a scalar. */
  readonly shape: Shape;
  readonly type: ElementType;
  /** Whether a gradient can flow into it: a parameter, or anything computed from one. */
  readonly differentiable: boolean;
}

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string };

export interface Operation {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export type ConstantData = Float32Array | BigInt64Array | Int32Array | Uint8Array;

export interface Constant {
  readonly tensor: Tensor;
  readonly data: ConstantData;
}

/** Given the gradients of a record's outputs (undefined: none flows), appends and returns those of its inputs. */
export type Backward = (gradients: readonly (Tensor | undefined)[]) => readonly (Tensor | undefined)[];

export interface TapeRecord {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly backward: Backward;
}

export interface ProgramOptions {
  /**
   * 'onnx' keeps to standard operators, for export to other runtimes; 'onnxruntime' (default) may use ONNX Runtime's
   * fused ones, which save passes over memory.
   */
  readonly dialect?: 'onnx' | 'onnxruntime';
}

export class Program {
  readonly dialect: 'onnx' | 'onnxruntime';
  readonly inputs: Tensor[] = [];
  readonly constants = new Map<string, Constant>();
  readonly operations: Operation[] = [];
  readonly tape: TapeRecord[] = [];
  readonly tensors = new Map<string, Tensor>();
  readonly #scopes: string[] = [];
  readonly #scalars = new Map<string, Tensor>();
  #counter = 0;

  constructor(options: ProgramOptions = {}) {
    this.dialect = options.dialect ?? 'onnxruntime';
  }

  /** Runs `build` with `name` prefixed to the names of the tensors it creates ("layers.0/attention/..."). */
  scope<T>(name: string, build: () => T): T {
    this.#scopes.push(name);
    try {
      return build();
    } finally {
      this.#scopes.pop();
    }
  }

  /** Where the program is being built, for messages. */
  get location(): string {
    return this.#scopes.join('/') || 'top level';
  }

  /** A value fed at every run. Differentiable inputs are the parameters. */
  input(name: string, shape: Shape, type: ElementType = 'float32', differentiable = false): Tensor {
    if (this.tensors.has(name)) throw new ShapeError(`Two tensors of the program are named "${name}".`);
    const tensor = this.#define(name, shape, type, differentiable);
    this.inputs.push(tensor);
    return tensor;
  }

  constant(data: ConstantData, shape: Shape, label = 'constant'): Tensor {
    if (data.length !== elementCount(shape)) {
      throw new ShapeError(`Constant "${label}" has ${data.length} values for shape ${formatShape(shape)}.`);
    }
    const type =
      data instanceof Float32Array
        ? 'float32'
        : data instanceof BigInt64Array
          ? 'int64'
          : data instanceof Int32Array
            ? 'int32'
            : 'bool';
    const tensor = this.#define(this.#fresh(label), shape, type, false);
    this.constants.set(tensor.name, { tensor, data });
    return tensor;
  }

  /** A float32 scalar; equal values share one constant. */
  scalar(value: number): Tensor {
    const key = `${value}`;
    const known = this.#scalars.get(key);
    if (known) return known;
    const tensor = this.constant(Float32Array.of(value), [], `scalar`);
    this.#scalars.set(key, tensor);
    return tensor;
  }

  /** A rank-1 int64 constant (shapes, axes); equal values share one constant. */
  integers(values: readonly number[]): Tensor {
    const key = `i${values.join(',')}`;
    const known = this.#scalars.get(key);
    if (known) return known;
    const tensor = this.constant(BigInt64Array.from(values, BigInt), [values.length], 'integers');
    this.#scalars.set(key, tensor);
    return tensor;
  }

  /** Appends an ONNX operation; its outputs carry no tape record until `record` is called. */
  emit(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    outputs: readonly { readonly shape: Shape; readonly type?: ElementType; readonly label?: string }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Tensor[] {
    const created = outputs.map((output) =>
      this.#define(this.#fresh(output.label ?? op), output.shape, output.type ?? 'float32', false),
    );
    this.operations.push({
      op,
      domain,
      inputs: inputs.map((tensor) => tensor?.name ?? ''),
      outputs: created.map((tensor) => tensor.name),
      attributes,
    });
    return created;
  }

  /** Appends an operation with one output. */
  emit1(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    shape: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
    type: ElementType = 'float32',
    domain = '',
  ): Tensor {
    return this.emit(op, inputs, [{ shape, type }], attributes, domain)[0]!;
  }

  /**
   * Declares `outputs` (just emitted) as a differentiable function of `inputs`. Returns the outputs as the caller
   * must use them from now on: marked differentiable if any input is.
   */
  record(inputs: readonly Tensor[], outputs: readonly Tensor[], backward: Backward): Tensor[] {
    if (!inputs.some((tensor) => tensor.differentiable)) return [...outputs];
    const marked = outputs.map((output) => {
      const tensor: Tensor = { ...output, differentiable: true };
      this.tensors.set(tensor.name, tensor);
      return tensor;
    });
    this.tape.push({ inputs, outputs: marked, backward });
    return marked;
  }

  #fresh(label: string): string {
    this.#counter += 1;
    return `${[...this.#scopes, label].join('/')}_${this.#counter}`;
  }

  #define(name: string, shape: Shape, type: ElementType, differentiable: boolean): Tensor {
    if (shape.some((size) => !Number.isInteger(size) || size < 0)) {
      throw new ShapeError(`"${name}" was given the shape ${formatShape(shape)}; sizes must be integers >= 0.`);
    }
    const tensor: Tensor = { program: this, name, shape, type, differentiable };
    this.tensors.set(name, tensor);
    return tensor;
  }
}

import { MissingPackageError } from '@cipherformer/base';
import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type * as ort from 'onnxruntime-node';
import { type OnnxOptions, toOnnx } from './onnx.ts';
import type { ElementType, Program, Tensor } from './program.ts';
import { type OnnxRuntime, onnxRuntime } from './runtime.ts';

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array;
export type Feeds = Readonly<Record<string, TensorData>>;

/** What computes: processors, or NVIDIA's graphics cards by ONNX Runtime's CUDA provider. */
export const providers = ['cpu', 'cuda'] as const;
export type Provider = (typeof providers)[number];

export interface SessionOptions extends OnnxOptions {
  /** Default 'cpu'. */
  readonly provider?: Provider;
  /** Threads inside one operation; 1 leaves the other cores alone. */
  readonly threads?: number;
  /** False keeps every operation as written (for finding the first non-finite tensor). */
  readonly optimise?: boolean;
  /** Writes ONNX Runtime's per-operation profile to files with this prefix. */
  readonly profilePrefix?: string;
}

function allocate(type: ElementType, size: number): TensorData {
  if (type === 'float32') return new Float32Array(size);
  if (type === 'int64') return new BigInt64Array(size);
  if (type === 'int32') return new Int32Array(size);
  return new Uint8Array(size);
}

/** @throws MissingPackageError for a provider that does not load */
async function created(
  runtime: OnnxRuntime,
  bytes: Uint8Array,
  provider: Provider,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    return await runtime.InferenceSession.create(bytes, options);
  } catch (cause) {
    if (provider === 'cpu') throw cause;
    // Its script, which --ignore-scripts leaves out, fetches what runs on CUDA.
    const hint = 'npm install onnxruntime-node@1.30.0, or compute with processors';
    throw new MissingPackageError(
      `The CUDA provider of ONNX Runtime does not load here (${(cause as Error).message}): it needs an NVIDIA card with its driver, CUDA 12 and cuDNN 9, and a package whose own script has run: ${hint}`,
      { cause, hint },
    );
  }
}

/**
 * A compiled part of a program. Inputs and outputs cross into ONNX Runtime without copies: `bind` wraps an array
 * once, and runs read from and write into the arrays that were bound, so that nothing is allocated per step.
 */
export class Session {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly #runtime: OnnxRuntime;
  readonly #session: ort.InferenceSession;
  readonly #owned: ReadonlyMap<string, ort.Tensor>;
  readonly #wrapped = new WeakMap<TensorData, ort.Tensor>();

  private constructor(
    runtime: OnnxRuntime,
    session: ort.InferenceSession,
    inputs: ReadonlyMap<string, Tensor>,
    outputs: ReadonlyMap<string, Tensor>,
  ) {
    this.#runtime = runtime;
    this.#session = session;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#owned = new Map(
      [...outputs].map(([name, { type, shape }]) => [
        name,
        new runtime.Tensor(type, allocate(type, elementCount(shape)) as Float32Array, shape),
      ]),
    );
  }

  /** @throws MissingPackageError where ONNX Runtime is not installed, or not with the provider that is asked for */
  static async compile(
    program: Program,
    outputs: Readonly<Record<string, Tensor>>,
    options: SessionOptions = {},
  ): Promise<Session> {
    const bytes = toOnnx(program, outputs, options);
    const runtime = await onnxRuntime();
    const { provider = 'cpu' } = options;
    const session = await created(runtime, bytes, provider, {
      executionProviders: [provider],
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: options.optimise === false ? 'disabled' : 'all',
      logSeverityLevel: 3,
      ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
      // Denormals make Adam's small second moments many times slower than any other number. Threads that wait spin:
      // a step is hundreds of short operations, and waking a sleeping thread takes as long as many of them.
      extra: {
        session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: (options.threads ?? 1) > 1 ? '1' : '0' } },
      },
    });
    const named = new Map(program.inputs.map((tensor) => [tensor.name, tensor]));
    const inputs = new Map(session.inputNames.map((name) => [name, named.get(name)!]));
    return new Session(runtime, session, inputs, new Map(Object.entries(outputs)));
  }

  /** Wraps an array as a tensor of the given input or output; the array is not copied and can be refilled. */
  #bind(name: string, { type, shape }: Tensor, data: TensorData): ort.Tensor {
    const known = this.#wrapped.get(data);
    if (known && known.type === type && known.dims.join() === shape.join()) return known;
    if (data.length !== elementCount(shape)) {
      throw new ShapeError(`"${name}" needs ${elementCount(shape)} values ${formatShape(shape)}, got ${data.length}.`);
    }
    const tensor = new this.#runtime.Tensor(type, data as Float32Array, shape);
    this.#wrapped.set(data, tensor);
    return tensor;
  }

  /**
   * Runs once. `targets` are arrays to write outputs into; outputs without one are written into arrays owned by
   * this session and are valid until the next run.
   */
  async run(feeds: Feeds, targets: Feeds = {}): Promise<Readonly<Record<string, TensorData>>> {
    const fed: Record<string, ort.Tensor> = {};
    for (const [name, tensor] of this.inputs) {
      const data = feeds[name];
      if (!data) throw new ShapeError(`The input "${name}" ${formatShape(tensor.shape)} was not given.`);
      fed[name] = this.#bind(name, tensor, data);
    }
    const fetches: Record<string, ort.Tensor> = {};
    for (const [name, tensor] of this.outputs) {
      const target = targets[name];
      fetches[name] = target ? this.#bind(name, tensor, target) : this.#owned.get(name)!;
    }
    await this.#session.run(fed, fetches);
    return Object.fromEntries(Object.entries(fetches).map(([name, tensor]) => [name, tensor.data as TensorData]));
  }

  /** Runs once with every output copied, for tests and small jobs. */
  async evaluate(feeds: Feeds): Promise<Readonly<Record<string, TensorData>>> {
    const results = await this.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, data]) => [name, data.slice() as TensorData]));
  }

  /** Ends profiling (when it was asked for) and writes its file. */
  endProfiling(): void {
    this.#session.endProfiling();
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

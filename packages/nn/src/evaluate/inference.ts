import type { Weights } from '@cipherformer/model';
import { Program, type Tensor } from '../onnx/program.ts';
import { type Feeds, Session } from '../onnx/session.ts';
import { Builder, type Site } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { declareInputs, type ModelInputs } from '../transformer/inputs.ts';
import { buildModel, type ModelGraph } from '../transformer/transformer.ts';
import { checkWeights } from '../transformer/weights.ts';

export interface InferenceOptions {
  readonly batch: number;
  readonly tokens?: number;
  /** Whether the type of each token is fed, too: "segments", int64 [batch, tokens]. */
  readonly segments?: boolean;
  readonly threads?: number;
  /** More outputs than the logits, appended to the program. */
  readonly outputs?: (context: InferenceContext) => Readonly<Record<string, Tensor>>;
}

export interface InferenceContext {
  readonly program: Program;
  readonly graph: ModelGraph;
  readonly inputs: ModelInputs;
  readonly sites: readonly Site[];
}

/** A model compiled for inference at one batch size and length. Weights are fed, so they can be exchanged. */
export class InferenceModel {
  readonly config: ModelConfig;
  readonly batch: number;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly #session: Session;
  #weights: Feeds = {};

  private constructor(config: ModelConfig, batch: number, session: Session) {
    this.config = config;
    this.batch = batch;
    this.#session = session;
    this.outputs = session.outputs;
  }

  static async create(config: ModelConfig, weights: Weights, options: InferenceOptions): Promise<InferenceModel> {
    const { program, graph, inputs, builder } = buildInference(config, options);
    const extra = options.outputs?.({ program, graph, inputs, sites: builder.sites });
    const outputs = extra ?? { logits: graph.logits };
    const session = await Session.compile(program, outputs, { threads: options.threads ?? 1 });
    const model = new InferenceModel(config, options.batch, session);
    model.load(weights);
    return model;
  }

  load(weights: Weights): void {
    checkWeights(this.config, weights, 'inference');
    this.#weights = Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
  }

  /** Runs one batch; the arrays returned are overwritten by the next run. */
  async run(feeds: Feeds): Promise<Readonly<Record<string, Float32Array>>> {
    return (await this.#session.run({ ...this.#weights, ...feeds })) as Readonly<Record<string, Float32Array>>;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** The forward pass in evaluation mode; stored tensors are inputs of the program by their names. */
export function buildInference(
  config: ModelConfig,
  options: Pick<InferenceOptions, 'batch' | 'tokens' | 'segments'> & { readonly dialect?: 'onnx' | 'onnxruntime' },
): { program: Program; graph: ModelGraph; inputs: ModelInputs; builder: Builder } {
  const program = new Program(options.dialect ? { dialect: options.dialect } : {});
  const builder = new Builder({ program, mode: 'evaluate', batch: options.batch });
  const inputs = declareInputs(builder, config, options.tokens, options.segments);
  return { program, graph: buildModel(builder, config, inputs), inputs, builder };
}

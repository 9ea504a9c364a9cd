import { elementCount, type StoredTensor, type Weights } from '@cipherformer/model';
import { DivergenceError, OtherRunError } from '../errors.ts';
import type { Program } from '../onnx/program.ts';
import { type Feeds, Session } from '../onnx/session.ts';
import { Random } from '../random.ts';
import type { DropoutInput, ParameterSpec, Site } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { checkWeights } from '../transformer/weights.ts';
import { type BuiltStep, buildStep, type TrainingStepOptions } from './build-step.ts';
import { firstNonFinite } from './diagnose.ts';
import { flattenGroup, type ParameterGroup, stateParts, unflattenGroup } from './groups.ts';
import { scalarNames, stepScalars } from './optimiser.ts';

export interface StepResult {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
}

/** Double-buffered arrays: a step reads one half and writes the other, so a failed step leaves the last good state. */
type State = Map<string, Float32Array>;

/** The compiled step for one sequence length. */
interface Variant {
  readonly program: Program;
  readonly session: Session;
  readonly dropouts: readonly { readonly input: DropoutInput; readonly mask: Float32Array }[];
}

/**
 * A whole training step (forward, backward, optimiser, running averages) as one static ONNX graph on ONNX Runtime, and
 * the state it carries. Nothing is allocated per step. Text batches may come in several lengths: each has its own
 * graph, compiled when it is first seen, and all share the state.
 */
export class TrainingStep {
  readonly config: ModelConfig;
  readonly sites: readonly Site[];
  readonly #options: TrainingStepOptions;
  /** By the number of tokens; 0 for images. */
  readonly #variants = new Map<number, Variant>();
  readonly #specs: readonly ParameterSpec[];
  readonly #groups: readonly ParameterGroup[];
  readonly #terms: readonly string[];
  readonly #updated: ReadonlySet<string>;
  readonly #scalars = new Map(scalarNames.map((name) => [name as string, new Float32Array(1)]));
  readonly #termWeights: ReadonlyMap<string, Float32Array>;
  #state: State = new Map();
  #spare: State = new Map();
  #count = 0;

  private constructor(options: TrainingStepOptions, built: BuiltStep) {
    this.config = options.config;
    this.#options = options;
    this.sites = built.builder.sites;
    this.#specs = built.specs;
    this.#groups = built.groups;
    this.#terms = built.terms.map((term) => term.name);
    this.#termWeights = new Map(this.#terms.map((name) => [name, new Float32Array(1)]));
    this.#updated = new Set(built.builder.updates.keys());
  }

  static async create(options: TrainingStepOptions, weights: Weights): Promise<TrainingStep> {
    checkWeights(options.config, weights, 'training');
    const { config } = options;
    const tokens = config.embedding.kind === 'token' ? (options.tokens ?? config.embedding.maxTokens) : 0;
    const built = buildStep(options, tokens || undefined);
    const step = new TrainingStep(options, built);
    step.#variants.set(tokens, await step.#compile(built));
    step.load(weights);
    return step;
  }

  async #compile({ program, outputs, builder }: BuiltStep): Promise<Variant> {
    const { threads = 1, provider = 'cpu', profilePrefix } = this.#options;
    const options = { threads, provider, ...(profilePrefix ? { profilePrefix } : {}) };
    const session = await Session.compile(program, outputs, options);
    const dropouts = builder.dropouts.map((input) => ({
      input,
      mask: new Float32Array(elementCount(input.tensor.shape)),
    }));
    return { program, session, dropouts };
  }

  /** The step for the length of these inputs. */
  async #variant(feeds: Feeds): Promise<Variant> {
    const tokens = (feeds.ids?.length ?? 0) / this.#options.batch;
    const known = this.#variants.get(tokens);
    if (known) return known;
    const variant = await this.#compile(buildStep(this.#options, tokens));
    this.#variants.set(tokens, variant);
    return variant;
  }

  /** Number of steps taken since the weights were loaded. */
  get step(): number {
    return this.#count;
  }

  /** Starts over from these weights, with empty moments. */
  load(weights: Weights): void {
    checkWeights(this.config, weights, 'training');
    const state: State = new Map();
    for (const group of this.#groups) {
      for (const part of stateParts(group, this.#options.averageDecay !== undefined)) {
        const fromWeights = part === 'value' || part === 'average';
        state.set(`${group.name}.${part}`, fromWeights ? flattenGroup(group, weights) : new Float32Array(group.size));
      }
    }
    for (const spec of this.#fixed()) state.set(spec.name, weights.get(spec.name)!.data.slice());
    this.#state = state;
    this.#spare = new Map(
      [...state].filter(([name]) => this.#writes(name)).map(([name, data]) => [name, data.slice()]),
    );
    this.#count = 0;
  }

  /**
   * Takes one step. `feeds` are the model's inputs and the targets; `weights` the factor of each loss term (default 1).
   * @throws DivergenceError, with the state still that of before the step, if the loss or a gradient is not finite
   */
  async run(feeds: Feeds, learningRate: number, weights: Readonly<Record<string, number>> = {}): Promise<StepResult> {
    const scalars = stepScalars(
      this.#count + 1,
      learningRate,
      this.#options.optimiser,
      this.#options.averageDecay ?? 0,
    );
    for (const name of scalarNames) this.#scalars.get(name)![0] = scalars[name];
    for (const [name, array] of this.#termWeights) array[0] = weights[name] ?? 1;
    const random = Random.derive(this.#options.seed, 'dropout', this.#count);
    const { program, session, dropouts } = await this.#variant(feeds);
    for (const { input, mask } of dropouts) random.fillDropoutMask(mask, input.rate);
    const all = this.#feeds(feeds, dropouts);
    const results = await session.run(
      all,
      Object.fromEntries([...this.#spare].map(([name, data]) => [`new.${name}`, data])),
    );
    const loss = Number(results.loss![0]);
    const gradientNorm = Number(results['gradient.norm']![0]);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw await this.#explain(program, all, loss);
    for (const [name, data] of this.#spare) {
      this.#spare.set(name, this.#state.get(name)!);
      this.#state.set(name, data);
    }
    this.#count += 1;
    return {
      loss,
      gradientNorm,
      terms: Object.fromEntries(this.#terms.map((name) => [name, Number(results[`term.${name}`]![0])])),
    };
  }

  /** The model's weights now (copied); `averaged` takes the moving average where one is kept. */
  weights(averaged = false): Map<string, StoredTensor> {
    const part = averaged && this.#options.averageDecay !== undefined ? 'average' : 'value';
    const named = new Map(this.#groups.flatMap((g) => unflattenGroup(g, this.#state.get(`${g.name}.${part}`)!)));
    for (const { name, shape } of this.#fixed()) named.set(name, { shape, data: this.#state.get(name)!.slice() });
    return new Map(this.#specs.map((spec) => [spec.name, named.get(spec.name)!]));
  }

  /** Everything a resumed run needs, by name; copied. */
  snapshot(): Map<string, StoredTensor> {
    return new Map([...this.#state].map(([name, data]) => [name, { shape: [data.length], data: data.slice() }]));
  }

  /** Continues from a snapshot taken after `step` steps: the next step is bit for bit what it would have been. */
  restore(snapshot: Weights, step: number): void {
    for (const [name, data] of this.#state) {
      const stored = snapshot.get(name);
      if (stored?.data.length !== data.length) {
        throw new OtherRunError(`The checkpoint's "${name}" does not fit this recipe: start over.`);
      }
      data.set(stored.data);
    }
    this.#count = step;
  }

  endProfiling(): void {
    for (const { session } of this.#variants.values()) session.endProfiling();
  }

  async close(): Promise<void> {
    for (const { session } of this.#variants.values()) await session.close();
  }

  #fixed(): ParameterSpec[] {
    const grouped = new Set(this.#groups.flatMap((group) => group.specs.map((spec) => spec.name)));
    return this.#specs.filter((spec) => !grouped.has(spec.name));
  }

  #writes(name: string): boolean {
    return name.startsWith('group') || this.#updated.has(name);
  }

  #feeds(feeds: Feeds, dropouts: Variant['dropouts']): Feeds {
    return {
      ...feeds,
      ...Object.fromEntries(this.#state),
      ...Object.fromEntries([...this.#scalars].map(([name, array]) => [`scalar.${name}`, array])),
      ...Object.fromEntries([...this.#termWeights].map(([name, array]) => [`weight.${name}`, array])),
      ...Object.fromEntries(dropouts.map(({ input, mask }) => [input.tensor.name, mask])),
    };
  }

  async #explain(program: Program, feeds: Feeds, loss: number): Promise<DivergenceError> {
    const found = await firstNonFinite(program, feeds);
    const where = found ?? 'the optimiser';
    return new DivergenceError(
      `Step ${this.#count + 1}: ${Number.isFinite(loss) ? 'a gradient' : 'the loss'} is not a finite number; the first ` +
        `tensor to go wrong is "${where}". The state before this step is kept. Lower the learning rate, clip harder, ` +
        'or look at the inputs of that tensor.',
      this.#count + 1,
      where,
    );
  }
}

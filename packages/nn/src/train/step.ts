import { ConfigError, DivergenceError } from '../errors.ts';
import { gradients } from '../graph/autodiff.ts';
import { elementCount, Program, type Tensor } from '../graph/program.ts';
import { type Feeds, Session } from '../graph/session.ts';
import { Builder, type DropoutInput, type ParameterSpec, type Site } from '../model/builder.ts';
import type { ModelConfig } from '../model/config.ts';
import { buildModel, declareInputs, type ModelGraph, type ModelInputs } from '../model/transformer.ts';
import { checkWeights, parameterSpecs, type StoredTensor, type Weights } from '../model/weights.ts';
import { add, mul } from '../ops/index.ts';
import { Random } from '../random.ts';
import {
  type AdamWOptions,
  adamw,
  clipFactor,
  type GroupState,
  type ScalarTensors,
  scalarNames,
  stepScalars,
} from './adamw.ts';
import { firstNonFinite } from './diagnose.ts';
import {
  declareGroup,
  flattenGroup,
  type GroupRule,
  groupParameters,
  isFrozen,
  type ParameterGroup,
  unflattenGroup,
} from './groups.ts';

/** One part of the loss. Its weight is fed at every step, so that it can be ramped. */
export interface LossTerm {
  readonly name: string;
  readonly tensor: Tensor;
}

export interface LossContext {
  readonly program: Program;
  readonly builder: Builder;
  readonly graph: ModelGraph;
  readonly inputs: ModelInputs;
  readonly sites: readonly Site[];
}

/** Appends the loss terms to a program, declaring the inputs (targets) they need. */
export type Losses = (context: LossContext) => readonly LossTerm[];

export interface TrainingStepOptions {
  readonly config: ModelConfig;
  readonly batch: number;
  /** Input tokens for text; default the model's longest. */
  readonly tokens?: number;
  readonly losses: Losses;
  readonly optimiser: AdamWOptions;
  readonly rule?: Omit<GroupRule, 'weightDecay'>;
  readonly dropout?: number;
  /** Decay of the exponential moving average of the weights; absent: none is kept. */
  readonly averageDecay?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly profilePrefix?: string;
}

export interface StepResult {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
}

/** Double-buffered arrays: a step reads one half and writes the other, so a failed step leaves the last good state. */
type State = Map<string, Float32Array>;

/**
 * A whole training step (forward, backward, AdamW, running averages) as one static ONNX graph on ONNX Runtime, and
 * the state it carries. Nothing is allocated per step.
 */
export class TrainingStep {
  readonly config: ModelConfig;
  readonly program: Program;
  readonly sites: readonly Site[];
  private readonly options: TrainingStepOptions;
  private readonly session: Session;
  private readonly specs: readonly ParameterSpec[];
  private readonly groups: readonly ParameterGroup[];
  private readonly terms: readonly string[];
  private readonly dropouts: readonly { readonly input: DropoutInput; readonly mask: Float32Array }[];
  private readonly updated: ReadonlySet<string>;
  private readonly scalars = new Map(scalarNames.map((name) => [name as string, new Float32Array(1)]));
  private readonly termWeights: ReadonlyMap<string, Float32Array>;
  private state: State = new Map();
  private spare: State = new Map();
  private count = 0;

  private constructor(options: TrainingStepOptions, built: BuiltStep, session: Session) {
    this.config = options.config;
    this.options = options;
    this.session = session;
    this.program = built.program;
    this.sites = built.builder.sites;
    this.specs = built.specs;
    this.groups = built.groups;
    this.terms = built.terms.map((term) => term.name);
    this.termWeights = new Map(this.terms.map((name) => [name, new Float32Array(1)]));
    this.dropouts = built.builder.dropouts.map((input) => ({
      input,
      mask: new Float32Array(elementCount(input.tensor.shape)),
    }));
    this.updated = new Set(built.builder.updates.keys());
  }

  static async create(options: TrainingStepOptions, weights: Weights): Promise<TrainingStep> {
    checkWeights(options.config, weights, 'training');
    const built = buildStep(options);
    const session = await Session.compile(built.program, built.outputs, {
      threads: options.threads ?? 1,
      ...(options.profilePrefix ? { profilePrefix: options.profilePrefix } : {}),
    });
    const step = new TrainingStep(options, built, session);
    step.load(weights);
    return step;
  }

  /** Number of steps taken since the weights were loaded. */
  get step(): number {
    return this.count;
  }

  /** Starts over from these weights, with empty moments. */
  load(weights: Weights): void {
    checkWeights(this.config, weights, 'training');
    const state: State = new Map();
    for (const group of this.groups) {
      const value = flattenGroup(group, weights);
      state.set(`${group.name}.value`, value);
      state.set(`${group.name}.moment1`, new Float32Array(group.size));
      state.set(`${group.name}.moment2`, new Float32Array(group.size));
      if (this.options.averageDecay !== undefined) state.set(`${group.name}.average`, value.slice());
    }
    for (const spec of this.fixed()) state.set(spec.name, weights.get(spec.name)!.data.slice());
    this.state = state;
    this.spare = new Map([...state].filter(([name]) => this.writes(name)).map(([name, data]) => [name, data.slice()]));
    this.count = 0;
  }

  /**
   * Takes one step. `feeds` are the model's inputs and the targets; `weights` the factor of each loss term (default
   * 1). Throws DivergenceError, with the state still that of before the step, if the loss or a gradient is not finite.
   */
  async run(feeds: Feeds, learningRate: number, weights: Readonly<Record<string, number>> = {}): Promise<StepResult> {
    const scalars = stepScalars(this.count + 1, learningRate, this.options.optimiser, this.options.averageDecay ?? 0);
    for (const name of scalarNames) this.scalars.get(name)![0] = scalars[name];
    for (const [name, array] of this.termWeights) array[0] = weights[name] ?? 1;
    const random = Random.derive(this.options.seed, 'dropout', this.count);
    for (const { input, mask } of this.dropouts) random.fillDropoutMask(mask, input.rate);
    const all = this.feeds(feeds);
    const results = await this.session.run(
      all,
      Object.fromEntries([...this.spare].map(([name, data]) => [`new.${name}`, data])),
    );
    const loss = Number(results.loss![0]);
    const gradientNorm = Number(results['gradient.norm']![0]);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw await this.explain(all, loss);
    for (const [name, data] of this.spare) {
      this.spare.set(name, this.state.get(name)!);
      this.state.set(name, data);
    }
    this.count += 1;
    return {
      loss,
      gradientNorm,
      terms: Object.fromEntries(this.terms.map((name) => [name, Number(results[`term.${name}`]![0])])),
    };
  }

  /** The model's weights now (copied); `averaged` takes the moving average where one is kept. */
  weights(averaged = false): Map<string, StoredTensor> {
    const part = averaged && this.options.averageDecay !== undefined ? 'average' : 'value';
    const named = new Map(this.groups.flatMap((g) => unflattenGroup(g, this.state.get(`${g.name}.${part}`)!)));
    for (const { name, shape } of this.fixed()) named.set(name, { shape, data: this.state.get(name)!.slice() });
    return new Map(this.specs.map((spec) => [spec.name, named.get(spec.name)!]));
  }

  /** Everything a resumed run needs, by name; copied. */
  snapshot(): Map<string, StoredTensor> {
    return new Map([...this.state].map(([name, data]) => [name, { shape: [data.length], data: data.slice() }]));
  }

  /** Continues from a snapshot taken after `step` steps: the next step is bit for bit what it would have been. */
  restore(snapshot: Weights, step: number): void {
    for (const [name, data] of this.state) {
      const stored = snapshot.get(name);
      if (stored?.data.length !== data.length) {
        throw new ConfigError(`The checkpoint's "${name}" does not fit this recipe; start a new run (--restart).`);
      }
      data.set(stored.data);
    }
    this.count = step;
  }

  endProfiling(): void {
    this.session.endProfiling();
  }

  async close(): Promise<void> {
    await this.session.close();
  }

  private fixed(): ParameterSpec[] {
    const grouped = new Set(this.groups.flatMap((group) => group.specs.map((spec) => spec.name)));
    return this.specs.filter((spec) => !grouped.has(spec.name));
  }

  private writes(name: string): boolean {
    return name.startsWith('group') || this.updated.has(name);
  }

  private feeds(feeds: Feeds): Feeds {
    return {
      ...feeds,
      ...Object.fromEntries(this.state),
      ...Object.fromEntries([...this.scalars].map(([name, array]) => [`scalar.${name}`, array])),
      ...Object.fromEntries([...this.termWeights].map(([name, array]) => [`weight.${name}`, array])),
      ...Object.fromEntries(this.dropouts.map(({ input, mask }) => [input.tensor.name, mask])),
    };
  }

  private async explain(feeds: Feeds, loss: number): Promise<DivergenceError> {
    const found = await firstNonFinite(this.program, feeds);
    const where = found ?? 'the optimiser';
    return new DivergenceError(
      `Step ${this.count + 1}: ${Number.isFinite(loss) ? 'a gradient' : 'the loss'} is not a finite number; the first ` +
        `tensor to go wrong is "${where}". The state before this step is kept. Lower the learning rate, clip harder, ` +
        'or look at the inputs of that tensor.',
      this.count + 1,
      where,
    );
  }
}

interface BuiltStep {
  readonly program: Program;
  readonly builder: Builder;
  readonly specs: readonly ParameterSpec[];
  readonly groups: readonly ParameterGroup[];
  readonly terms: readonly LossTerm[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

function buildStep(options: TrainingStepOptions): BuiltStep {
  const { config, batch, optimiser } = options;
  const rule: GroupRule = { ...options.rule, weightDecay: optimiser.weightDecay };
  const specs = parameterSpecs(config);
  const groups = groupParameters(specs, rule);
  const program = new Program();
  const declared = groups.map((group) => ({ group, ...declareGroup(program, group) }));
  const parts = new Map(declared.flatMap((entry) => [...entry.parts]));
  const builder = new Builder({
    program,
    mode: 'train',
    batch,
    ...(options.dropout ? { dropout: options.dropout } : {}),
    resolve: (spec) => (isFrozen(spec, rule) ? program.input(spec.name, spec.shape) : parts.get(spec.name)!),
  });
  const inputs = declareInputs(builder, config, options.tokens);
  const graph = buildModel(builder, config, inputs);
  const terms = options.losses({ program, builder, graph, inputs, sites: builder.sites });
  const loss = terms
    .map((term) => mul(term.tensor, program.input(`weight.${term.name}`, [])))
    .reduce((sum, term) => add(sum, term));

  const slopes = gradients(
    loss,
    declared.map((entry) => entry.flat),
  );
  const { norm, factor } = clipFactor(program, slopes, optimiser.clipNorm);
  const scalars = Object.fromEntries(
    scalarNames.map((name) => [name, program.input(`scalar.${name}`, [])]),
  ) as unknown as ScalarTensors;
  const outputs: Record<string, Tensor> = { loss, 'gradient.norm': norm };
  for (const term of terms) outputs[`term.${term.name}`] = term.tensor;
  declared.forEach(({ group, flat }, i) => {
    const extra = (part: string) => program.input(`${group.name}.${part}`, [group.size]);
    const state: GroupState = {
      value: flat,
      moment1: extra('moment1'),
      moment2: extra('moment2'),
      ...(options.averageDecay === undefined ? {} : { average: extra('average') }),
    };
    const next = adamw(group, state, slopes[i]!, factor, scalars, optimiser);
    for (const [part, tensor] of Object.entries(next)) outputs[`new.${group.name}.${part}`] = tensor as Tensor;
  });
  for (const [name, tensor] of builder.updates) outputs[`new.${name}`] = tensor;
  return { program, builder, specs, groups, terms, outputs };
}

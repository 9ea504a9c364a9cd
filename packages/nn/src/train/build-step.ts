import { gradients } from '../onnx/autodiff.ts';
import { Program, type Tensor } from '../onnx/program.ts';
import type { Provider } from '../onnx/session.ts';
import { add, mul } from '../ops/index.ts';
import { Builder, type BuilderOptions, type ParameterSpec, type Site } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { declareInputs, type ModelInputs } from '../transformer/inputs.ts';
import { buildModel, type ModelGraph } from '../transformer/transformer.ts';
import { parameterSpecs } from '../transformer/weights.ts';
import { adamw } from './adamw.ts';
import { declareGroup, type GroupRule, groupParameters, isFrozen, type ParameterGroup, stateParts } from './groups.ts';
import { muon } from './muon.ts';
import { clipFactor, type OptimiserOptions, type ScalarTensors, scalarNames } from './optimiser.ts';

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
  readonly optimiser: OptimiserOptions;
  readonly rule?: Omit<GroupRule, 'weightDecay' | 'muon'>;
  readonly dropout?: number;
  /** Limits that arguments of activations are clamped to, by site (the site itself is not). */
  readonly clamps?: BuilderOptions['clamps'];
  /** Decay of the exponential moving average of the weights; absent: none is kept. */
  readonly averageDecay?: number;
  readonly seed: number;
  readonly threads?: number;
  /** What computes the steps. Default 'cpu'. */
  readonly provider?: Provider;
  readonly profilePrefix?: string;
}

/** The program of one step at one sequence length. */
export interface BuiltStep {
  readonly program: Program;
  readonly builder: Builder;
  readonly specs: readonly ParameterSpec[];
  readonly groups: readonly ParameterGroup[];
  readonly terms: readonly LossTerm[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/**
 * Builds forward pass, losses, backward pass and optimiser as one program for sequences of `tokens` (text only). Names
 * and order of the state do not depend on the length, so programs of several lengths share one state.
 */
export function buildStep(options: TrainingStepOptions, tokens?: number): BuiltStep {
  const { config, batch, optimiser } = options;
  const rule: GroupRule = { ...options.rule, weightDecay: optimiser.weightDecay, muon: optimiser.muon !== undefined };
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
    ...(options.clamps ? { clamps: options.clamps } : {}),
    resolve: (spec) => (isFrozen(spec, rule) ? program.input(spec.name, spec.shape) : parts.get(spec.name)!),
  });
  const inputs = declareInputs(builder, config, tokens);
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
    const parts = stateParts(group, options.averageDecay !== undefined).map((part) => [
      part,
      part === 'value' ? flat : program.input(`${group.name}.${part}`, [group.size]),
    ]);
    const update = { adamw, muon }[group.update];
    const next = update(group, Object.fromEntries(parts), slopes[i]!, factor, scalars, optimiser);
    for (const [part, tensor] of Object.entries(next)) outputs[`new.${group.name}.${part}`] = tensor;
  });
  for (const [name, tensor] of builder.updates) outputs[`new.${name}`] = tensor;
  return { program, builder, specs, groups, terms, outputs };
}

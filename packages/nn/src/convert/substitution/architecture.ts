import type { StoredTensor, Weights } from '@cipherformer/model';
import { UnsupportedPartError } from '../../errors.ts';
import { Random } from '../../random.ts';
import { initialise } from '../../transformer/builder.ts';
import {
  type ActivationConfig,
  type ModelConfig,
  type NormConfig,
  normAt,
  parseModelConfig,
} from '../../transformer/config.ts';
import { parameterSpecs } from '../../transformer/weights.ts';

/** A configuration with weights that fit it. */
export interface Converted {
  readonly config: ModelConfig;
  readonly weights: Weights;
}

export interface PointwiseOptions {
  readonly activation: ActivationConfig;
  /** What the activation is of; default the product of query and key. */
  readonly similarity?: ModelConfig['attention']['similarity'];
  /** A learned factor and offset a head before the activation; they fold into the query and cost no level. */
  readonly affine: boolean;
  /** Factor on the maps; default 1/sqrt(L). */
  readonly scaling?: ModelConfig['attention']['scaling'];
  /** Learned weights and offsets by head and distance (causal attention only). */
  readonly distanceWeights?: boolean;
  readonly distanceOffsets?: boolean;
  /** A BatchNorm over the maps, one channel a head. */
  readonly mapNorm?: NormConfig;
}

/** Replaces softmax by 1/sqrt(L) act(scores); every weight is kept, new ones start as the identity. */
export function pointwiseAttention(from: Converted, options: PointwiseOptions): Converted {
  const { attention } = from.config;
  if (attention.kind === 'uniform') {
    throw new UnsupportedPartError(
      'attention',
      'uniform attention cannot be converted. Give the trained softmax model.',
    );
  }
  const { mapNorm, activation, affine, scaling, distanceWeights = false, distanceOffsets = false } = options;
  // A polynomial from the start is one at each site, so that its ranges are held, widened and counted like any other's.
  const polynomial =
    typeof activation === 'string' ? [] : attentionSites(from.config).map((site) => [site, activation]);
  const changed: ModelConfig = {
    ...from.config,
    overrides: { ...from.config.overrides, ...Object.fromEntries(polynomial) },
    attention: {
      ...attention,
      similarity: options.similarity ?? 'dot',
      kind: 'pointwise',
      activation,
      affine,
      distanceWeights,
      distanceOffsets,
      ...(scaling ? { scaling } : {}),
      ...(mapNorm ? { mapNorm } : {}),
    },
  };
  // Refuses what needs a causal mask where there is none.
  const config = parseModelConfig(changed, 'the change of attention');
  return { config, weights: carryOver(config, from.weights) };
}

const attentionSites = ({ layers }: ModelConfig): string[] =>
  Array.from({ length: layers }, (_, i) => `layers.${i}.attention.activation`);

/** The names of the normalisations of the stream, from the input to the output. */
export function normNames(config: ModelConfig): string[] {
  const embedding = config.embedding.norm ? ['embedding.norm'] : [];
  const merges = new Map(firstLayers(config).map((layer, i) => [layer, `stages.${i + 1}.merge.norm`]));
  const blocks = Array.from({ length: config.layers }, (_, i) => {
    const merge = merges.get(i);
    return [...(merge ? [merge] : []), `layers.${i}.norm1`, `layers.${i}.norm2`];
  });
  const ends = [...(config.finalNorm ? ['norm'] : []), ...(config.head.norm ? ['head.norm'] : [])];
  return [...embedding, ...blocks.flat(), ...ends];
}

/** The first layer of each stage but the first. */
function firstLayers({ stages }: ModelConfig): number[] {
  const first: number[] = [];
  for (const { layers } of stages?.blocks ?? []) first.push((first.at(-1) ?? 0) + layers);
  return first.slice(0, -1);
}

/** Replaces the normalisations named by (x - mean) / R, of RMSNorm by x / R, with R from `denominators`. */
export function freezeNorms(from: Converted, denominators: ReadonlyMap<string, number>): Converted {
  const normOverrides = { ...from.config.normOverrides };
  for (const name of denominators.keys()) {
    const norm = normAt(from.config, name);
    normOverrides[name] = { ...norm, kind: norm.kind === 'rms' ? 'frozen-rms' : 'frozen' };
  }
  const config: ModelConfig = { ...from.config, normOverrides };
  const weights = carryOver(config, from.weights);
  for (const [name, value] of denominators) {
    weights.set(`${name}.denominator`, { shape: [1], data: Float32Array.of(value) });
  }
  return { config, weights };
}

/** Replaces the normalisations named by BatchNorm; gains and offsets are kept, statistics start at 0 and 1. */
export function batchNorms(from: Converted, names: readonly string[]): Converted {
  const normOverrides = { ...from.config.normOverrides };
  for (const name of names) normOverrides[name] = { ...normAt(from.config, name), kind: 'batch' };
  const config: ModelConfig = { ...from.config, normOverrides };
  return { config, weights: carryOver(config, from.weights) };
}

/** The weights a changed configuration needs: those it shares with the old one, and fresh ones for new parts. */
export function carryOver(config: ModelConfig, weights: Weights): Map<string, StoredTensor> {
  return new Map(
    parameterSpecs(config).map((spec) => [
      spec.name,
      weights.get(spec.name) ?? { shape: spec.shape, data: initialise(spec, Random.derive(1, `init/${spec.name}`)) },
    ]),
  );
}

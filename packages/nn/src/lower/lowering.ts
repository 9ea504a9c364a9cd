import type { Program } from '@cipherformer/approx';
import { WeightError } from '@cipherformer/model';
import { UnsupportedPartError } from '../errors.ts';
import { type ActivationConfig, type ModelConfig, type NormConfig, normAt } from '../transformer/config.ts';
import { applyFeatures, type View } from './affine.ts';
import { type GraphBuilder, viewOf } from './graph-builder.ts';
import { asParabola } from './parabola.ts';
import type { Stored } from './stored.ts';

/** What the parts of a lowering share. */
export interface Lowering {
  readonly config: ModelConfig;
  readonly stored: Stored;
  readonly graph: GraphBuilder;
  /** Programs by site, see LowerOptions. */
  readonly programs: ReadonlyMap<string, Program>;
  /** Nodes whose rows are known to have mean zero. */
  readonly centredNodes: Set<number>;
  readonly windows: Windows;
}

/** What attention is within. */
export interface Windows {
  /** Tokens in all. */
  readonly rows: number;
  /** Tokens of a window; as many as there are where there is one. */
  readonly tokens: number;
  /** Whether two tokens of window w, by their places in it, see each other. Absent: all do. */
  readonly sees?: (w: number, query: number, key: number) => boolean;
}

/** The site whose program stands for 1/sqrt(variance + epsilon) of a normalisation. */
export const varianceSite = (norm: string): string => `${norm}.variance`;

/**
 * A normalisation over features. Stored statistics cost no node: they become a part of the view. A full one takes
 * square, mean, the site's inverse square root and a product: that program's levels and two.
 * @throws UnsupportedPartError where a full normalisation has no program
 */
export function lowerNorm(lowering: Lowering, name: string, choice: NormConfig, view: View): View {
  const { stored } = lowering;
  const part = normAt(lowering.config, name, choice);
  const { width } = view;
  if (part.kind === 'none') return view;
  const statistics = storedStatistics(stored, name, part, width);
  if (!statistics) return fullNorm(lowering, name, part, view);
  return applyFeatures(view, statistics.centre, statistics.scale, statistics.shift);
}

function fullNorm(lowering: Lowering, name: string, part: NormConfig, view: View): View {
  const { graph, stored, programs, centredNodes } = lowering;
  const { width } = view;
  const site = varianceSite(name);
  const program = programs.get(site);
  if (!program) {
    throw new UnsupportedPartError(
      name,
      `${part.kind} normalisation divides by a root. Freeze its denominator (kind "frozen"), train with "batch", or ` +
        `give a program of 1/sqrt(x) for the site "${site}".`,
    );
  }
  const identity = view.map.kind === 'feature' && !view.map.centre && !view.map.scale && !view.map.bias;
  const centre = part.kind === 'layer' && !(identity && centredNodes.has(view.node));
  const node = graph.materialise(`${name}.centred`, centre ? applyFeatures(view, true) : view);
  const square = graph.push(`${name}.square`, { op: 'multiply', left: node, right: node });
  const mean = graph.push(site, { op: 'meanFeatures', input: square });
  // The program is of variance + epsilon: epsilon moves its interval instead of costing an addition.
  const [low, high] = program.interval;
  const inverse = graph.polynomial(`${name}.inverse`, mean, {
    interval: [low - part.epsilon, high - part.epsilon],
    steps: program.steps,
  });
  const product = graph.push(`${name}.product`, { op: 'multiply', left: node, right: inverse });
  const bias = part.kind === 'layer' ? stored.vector(`${name}.bias`, width) : undefined;
  return applyFeatures(viewOf(product, width), false, stored.vector(`${name}.weight`, width), bias);
}

/** scale * x + shift, x less its mean where that is centred; one entry a channel. */
interface Statistics {
  readonly centre: boolean;
  readonly scale: Float64Array;
  readonly shift?: Float64Array;
}

/** What is left of a normalisation that divides by constants; undefined for one that divides by what it sees. */
export function storedStatistics(
  stored: Stored,
  name: string,
  part: NormConfig,
  width: number,
): Statistics | undefined {
  switch (part.kind) {
    case 'batch':
      return { centre: false, ...batchStatistics(stored, name, part, width) };
    case 'frozen':
      return { centre: true, scale: frozenScale(stored, name, width), shift: stored.vector(`${name}.bias`, width) };
    case 'frozen-rms':
      return { centre: false, scale: frozenScale(stored, name, width) };
    default:
      return undefined;
  }
}

/** What a frozen denominator leaves of RMSNorm. */
function frozenScale(stored: Stored, name: string, width: number): Float64Array {
  const [denominator] = stored.vector(`${name}.denominator`, 1);
  if (denominator === 0) {
    throw new WeightError(`"${name}.denominator" is 0: calibrate it as the mean standard deviation.`);
  }
  return stored.vector(`${name}.weight`, width).map((gain) => gain / denominator!);
}

/** BatchNorm's running statistics. */
export function batchStatistics(
  stored: Stored,
  name: string,
  part: NormConfig,
  channels: number,
): { readonly scale: Float64Array; readonly shift: Float64Array } {
  const mean = stored.vector(`${name}.running_mean`, channels);
  const variance = stored.vector(`${name}.running_var`, channels);
  const scale = stored
    .vector(`${name}.weight`, channels)
    .map((gain, i) => gain / Math.sqrt(variance[i]! + part.epsilon));
  const shift = stored.vector(`${name}.bias`, channels).map((bias, i) => bias - mean[i]! * scale[i]!);
  return { scale, shift };
}

/** The program at an activation site; undefined for the identity. @throws UnsupportedPartError for other functions */
export function siteProgram(lowering: Lowering, name: string, choice: ActivationConfig): Program | undefined {
  const given = lowering.programs.get(name);
  if (given) return given;
  const part = lowering.config.overrides[name] ?? choice;
  if (part === 'identity') return undefined;
  if (typeof part === 'string') {
    throw new UnsupportedPartError(
      name,
      `${part} is not a polynomial. Substitute it (convert does), or give a program for this site.`,
    );
  }
  // Training may clamp the argument; inference does not: the polynomial itself is the model.
  const coefficients = [...lowering.stored.vector(`${name}.coefficients`, part.coefficients.length)];
  return { interval: [part.low, part.high], steps: [{ op: 'polynomial', value: 0, coefficients }] };
}

/**
 * An element-wise activation of a view, which becomes the node `input`; the identity costs nothing. A
 * parabola leaves its factor to what reads the view, which saves a level.
 */
export function lowerActivation(
  lowering: Lowering,
  name: string,
  choice: ActivationConfig,
  view: View,
  input: string,
): View {
  const program = siteProgram(lowering, name, choice);
  if (!program) return view;
  const { graph } = lowering;
  const { width } = view;
  const parabola = asParabola(program);
  const node = graph.polynomial(name, graph.materialise(input, view), parabola?.program ?? program);
  const result = viewOf(node, width);
  return parabola ? applyFeatures(result, false, new Float64Array(width).fill(parabola.factor)) : result;
}

import { clientEmbeds, type ModelConfig, normAt } from '../transformer/config.ts';
import { applyFeatures, applyLinear, type View } from './affine.ts';
import { viewOf } from './graph-builder.ts';
import { lowerAttention } from './lower-attention.ts';
import { type Lowering, lowerActivation, lowerNorm } from './lowering.ts';

/**
 * Whether the residual stream of a model is kept at mean zero by what writes to it: worth it where a full LayerNorm
 * would have to centre it, and allowed where every reader centres it anyway.
 */
export function keepsStreamCentred(config: ModelConfig): boolean {
  if (config.placement !== 'pre' || !config.finalNorm || config.stages) return false;
  const names = Array.from({ length: config.layers }, (_, i) => [`layers.${i}.norm1`, `layers.${i}.norm2`]).flat();
  const kinds = [...names, 'norm'].map((name) => normAt(config, name).kind);
  const clientNorm = config.embedding.norm && clientEmbeds(config);
  return !clientNorm && kinds.includes('layer') && kinds.every((kind) => kind === 'layer' || kind === 'frozen');
}

/** What a part adds to the residual stream, centred where the stream is kept so. */
export const written = (lowering: Lowering, view: View): View =>
  keepsStreamCentred(lowering.config) ? applyFeatures(view, true) : view;

/** Notes that a node of the stream has rows of mean zero. */
export function stream(lowering: Lowering, view: View): View {
  if (keepsStreamCentred(lowering.config)) lowering.centredNodes.add(view.node);
  return view;
}

/** One block: the stream before it to the stream after it. `mask` is the node of the 0/1 column that hides padding. */
export function block(lowering: Lowering, name: string, x: View, mask: number | undefined): View {
  const { config, graph } = lowering;
  const norm = (which: string, view: View) => lowerNorm(lowering, `${name}.${which}`, config.norm, view);
  const attend = (view: View) => lowerAttention(lowering, `${name}.attention`, view, mask);
  const transform = (view: View) => lowerMlp(lowering, `${name}.mlp`, view);
  const add = (part: string, skip: View, branch: View) =>
    stream(
      lowering,
      graph.add(`${name}.${part}.residual`, skip, `${name}.${part}.skip`, branch, `${name}.${part}.out`),
    );
  if (config.placement === 'pre') {
    const mixed = add('attention', x, written(lowering, attend(norm('norm1', x))));
    return add('mlp', mixed, written(lowering, transform(norm('norm2', mixed))));
  }
  const mixed = norm('norm1', postAdd(lowering, `${name}.norm1`, add, 'attention', x, attend(x)));
  return norm('norm2', postAdd(lowering, `${name}.norm2`, add, 'mlp', mixed, transform(mixed)));
}

/** skip + branch before a normalisation; where that is a full LayerNorm both sides are centred at no level. */
function postAdd(
  lowering: Lowering,
  norm: string,
  add: (part: string, skip: View, branch: View) => View,
  part: string,
  skip: View,
  branch: View,
): View {
  if (normAt(lowering.config, norm).kind !== 'layer') return add(part, skip, branch);
  const sum = add(part, applyFeatures(skip, true), applyFeatures(branch, true));
  lowering.centredNodes.add(sum.node);
  return sum;
}

/**
 * The MLP of a view. Levels: 1 + the activation's (+ 1 for a gate); the returned view adds the last linear map's 1. A factor that
 * saves a parabola a level goes to what a gate multiplies, else to the last map.
 */
function lowerMlp(lowering: Lowering, name: string, view: View): View {
  const { config, stored, graph } = lowering;
  const { width: inner, kind, bias, norm, activation } = config.mlp;
  const linear = (part: string, out: number, from: number, x: View) =>
    applyLinear(
      x,
      stored.matrix(`${name}.${part}.weight`, out, from),
      bias ? stored.vector(`${name}.${part}.bias`, out) : undefined,
    );
  const plain = linear('up', inner, config.width, view);
  const up = norm ? lowerNorm(lowering, `${name}.norm`, norm, plain) : plain;
  const act = (x: View, input: string) => lowerActivation(lowering, `${name}.activation`, activation, x, input);
  if (kind === 'plain') return linear('down', config.width, inner, act(up, `${name}.up`));
  const gate = `${name}.gate`;
  const active = act(linear('gate', inner, config.width, view), gate);
  const factor = factorOf(active);
  const left = factor ? active.node : graph.materialise(gate, active);
  const right = graph.materialise(`${name}.up`, factor ? applyFeatures(up, false, factor) : up);
  const product = graph.push(`${name}.gated`, { op: 'multiply', left, right });
  return linear('down', config.width, inner, viewOf(product, inner));
}

/** What is left to apply to a node, where that is a factor a feature alone. */
const factorOf = ({ map }: View): Float64Array | undefined =>
  map.kind === 'feature' && !map.centre && !map.bias ? map.scale : undefined;

import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { Builder, Site } from './builder.ts';
import { type ActivationConfig, type ModelConfig, type NormConfig, normAt } from './config.ts';

/** An element-wise activation at a named site. The site's tensor is the activation's input. */
export function activation(
  builder: Builder,
  config: ModelConfig,
  name: string,
  choice: ActivationConfig,
  x: Tensor,
  site: Pick<Site, 'kind' | 'include'>,
): Tensor {
  const part = config.overrides[name] ?? choice;
  if (part !== 'identity') builder.site({ ...site, name, tensor: x });
  if (typeof part === 'string') {
    const limits = builder.limits(name);
    const y = limits ? ops.clip(x, ...limits) : x;
    switch (part) {
      case 'gelu':
        return ops.gelu(y);
      case 'gelu_tanh':
        return ops.geluTanh(y);
      case 'quick_gelu':
        return ops.quickGelu(y);
      case 'relu':
        return ops.relu(y);
      case 'silu':
        return ops.silu(y);
      case 'tanh':
        return ops.tanh(y);
      case 'exp':
        return ops.exp(y);
      case 'identity':
        return x;
    }
  }
  const initial = { kind: 'values', values: part.coefficients } as const;
  const coefficients = part.trainable
    ? builder.parameter(`${name}.coefficients`, [part.coefficients.length], initial)
    : builder.buffer(`${name}.coefficients`, [part.coefficients.length], initial);
  const argument = part.clamp ? ops.clip(x, part.low, part.high) : x;
  return ops.polynomial(argument, coefficients, { low: part.low, high: part.high });
}

/**
 * A normalisation of the last dimension of x. Layer and RMS normalisations report the variance they divide by as a
 * site ("<name>.variance"). `include` marks tokens that count (padding excluded), for batch statistics.
 */
export function normalise(
  builder: Builder,
  config: ModelConfig,
  name: string,
  choice: NormConfig,
  x: Tensor,
  options: { readonly channelAxis?: number; readonly include?: Tensor } = {},
): Tensor {
  const part = normAt(config, name, choice);
  const channelAxis = options.channelAxis ?? x.shape.length - 1;
  if (part.kind === 'none') return x;
  const channels = x.shape[channelAxis]!;
  const gain = builder.parameter(`${name}.weight`, [channels], { kind: 'constant', value: 1 });
  if (part.kind === 'rms' || part.kind === 'frozen-rms') {
    reportVariance(builder, name, x, options.include);
    return part.kind === 'rms' ? ops.rmsNorm(x, gain, part.epsilon) : frozenScale(builder, name, x, gain);
  }
  const bias = builder.parameter(`${name}.bias`, [channels]);
  switch (part.kind) {
    case 'layer':
      reportVariance(builder, name, centred(x), options.include);
      return ops.layerNorm(x, gain, bias, part.epsilon);
    case 'frozen':
      reportVariance(builder, name, centred(x), options.include);
      return ops.add(frozenScale(builder, name, centred(x), gain), bias);
    case 'batch':
      return batchNormalise(builder, name, part, x, gain, bias, channelAxis, options.include);
  }
}

const centred = (x: Tensor): Tensor => ops.sub(x, ops.mean(x, [x.shape.length - 1], true));

/** x / R * gain. The denominator keeps to its stored value: what is left of the normalisation is linear. */
function frozenScale(builder: Builder, name: string, x: Tensor, gain: Tensor): Tensor {
  const denominator = builder.buffer(`${name}.denominator`, [1], { kind: 'constant', value: 1 });
  const limits = builder.limits(name);
  return limits ? ops.mul(ops.clip(ops.div(x, denominator), ...limits), gain) : ops.mul(x, ops.div(gain, denominator));
}

function batchNormalise(
  builder: Builder,
  name: string,
  part: NormConfig,
  x: Tensor,
  gain: Tensor,
  bias: Tensor,
  channelAxis: number,
  include: Tensor | undefined,
): Tensor {
  const channels = x.shape[channelAxis]!;
  const runningMean = builder.buffer(`${name}.running_mean`, [channels], { kind: 'constant', value: 0 });
  const runningVariance = builder.buffer(`${name}.running_var`, [channels], { kind: 'constant', value: 1 });
  if (builder.mode === 'train') {
    const { y, mean, variance } = ops.batchNorm(x, gain, bias, {
      channelAxis,
      epsilon: part.epsilon,
      ...(include ? { include } : {}),
    });
    const blend = (old: Tensor, fresh: Tensor) =>
      ops.add(ops.scale(old, part.momentum), ops.scale(fresh, 1 - part.momentum));
    builder.update(`${name}.running_mean`, blend(runningMean, mean));
    builder.update(`${name}.running_var`, blend(runningVariance, variance));
    return y;
  }
  const factor = ops.div(gain, ops.sqrt(ops.shift(runningVariance, part.epsilon)));
  const offset = ops.sub(bias, ops.mul(runningMean, factor));
  const wide = x.shape.slice(channelAxis).map((_, i) => (i === 0 ? channels : 1));
  return ops.add(ops.mul(x, ops.reshape(factor, wide)), ops.reshape(offset, wide));
}

/** What a normalisation divides by the root of: the mean square of `x`, which has its mean no more where that is taken off. */
function reportVariance(builder: Builder, name: string, x: Tensor, include: Tensor | undefined): void {
  const variance = ops.mean(ops.square(x), [x.shape.length - 1], true);
  builder.site({ name: `${name}.variance`, kind: 'norm-variance', tensor: variance, ...(include ? { include } : {}) });
}

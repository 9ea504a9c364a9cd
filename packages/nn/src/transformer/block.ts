import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import { type AttentionMask, attention } from './attention.ts';
import type { Builder } from './builder.ts';
import type { ModelConfig } from './config.ts';
import { activation, normalise } from './parts.ts';

export interface BlockContext {
  readonly mask: AttentionMask;
  /** Counted from 0. */
  readonly layer: number;
  /** 1 for tokens that are real. */
  readonly include?: Tensor | undefined;
  /** What stands in for self-attention of x: that of windows. */
  readonly mix?: (x: Tensor) => Tensor;
}

/** One block: x [batch, tokens, width] -> the same shape. */
export function block(builder: Builder, config: ModelConfig, name: string, x: Tensor, context: BlockContext): Tensor {
  const { mask, layer, include } = context;
  const options = include ? { include } : {};
  const norm = (which: string, y: Tensor) => normalise(builder, config, `${name}.${which}`, config.norm, y, options);
  const mix = context.mix ?? ((y: Tensor) => attention(builder, config, `${name}.attention`, y, mask, layer));
  const transform = (y: Tensor) => mlp(builder, config, `${name}.mlp`, y, include);
  switch (config.placement) {
    case 'pre': {
      const mixed = ops.add(x, mix(norm('norm1', x)));
      return ops.add(mixed, transform(norm('norm2', mixed)));
    }
    case 'post': {
      const mixed = norm('norm1', ops.add(x, mix(x)));
      return norm('norm2', ops.add(mixed, transform(mixed)));
    }
    case 'parallel': {
      const mixed = mix(norm('norm1', x));
      return ops.add(x, ops.add(mixed, transform(norm('norm2', x))));
    }
  }
}

function mlp(builder: Builder, config: ModelConfig, name: string, x: Tensor, include: Tensor | undefined): Tensor {
  const { width: inner, kind, bias, norm } = config.mlp;
  const { width } = config;
  const layer = (part: string, out: number, from: number, y: Tensor, deviation?: number) =>
    ops.linear(
      y,
      builder.parameter(`${name}.${part}.weight`, [out, from], deviation ? { kind: 'normal', deviation } : undefined),
      bias ? builder.parameter(`${name}.${part}.bias`, [out]) : undefined,
    );
  let up = layer('up', inner, width, x);
  const options = include ? { include } : {};
  if (norm) up = normalise(builder, config, `${name}.norm`, norm, up, options);
  const act = (y: Tensor) =>
    activation(builder, config, `${name}.activation`, config.mlp.activation, y, { kind: 'mlp-activation', ...options });
  const active = kind === 'gated' ? ops.mul(act(layer('gate', inner, width, x)), up) : act(up);
  const residual = Math.sqrt(1 / (3 * inner)) / Math.sqrt(2 * config.layers);
  return builder.dropout(layer('down', width, inner, active, residual));
}

import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { ModelConfig } from './config.ts';

export type RotaryConfig = Extract<ModelConfig['positions'], { kind: 'rotary' }>;

/** Radians a token for each pair of `width` entries. */
export const rotaryFrequencies = (width: number, base: number): number[] =>
  Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));

/**
 * Rotary positions (Su et al., 2021) on [batch, heads, tokens, headWidth]; pairs are (i, i + half) or (2i, 2i + 1) of the first
 * `width` entries of a head, the others stay as they are.
 */
export function rotate(x: Tensor, { base, interleaved, width, frequencies, amplitude = 1 }: RotaryConfig): Tensor {
  const [batch, heads, tokens, headWidth] = x.shape as [number, number, number, number];
  const turned = width ?? headWidth;
  const [moving, still] =
    turned < headWidth ? (ops.split(x, 3, [turned, headWidth - turned]) as [Tensor, Tensor]) : [x, undefined];
  const half = turned / 2;
  const speeds = frequencies ?? rotaryFrequencies(turned, base);
  const table = (f: (angle: number) => number) =>
    Float32Array.from({ length: tokens * half }, (_, n) => amplitude * f(Math.floor(n / half) * speeds[n % half]!));
  const shape = interleaved ? [tokens, half, 1] : [tokens, half];
  const cos = x.program.constant(table(Math.cos), shape, 'cos');
  const sin = x.program.constant(table(Math.sin), shape, 'sin');
  const axis = interleaved ? 4 : 3;
  const view = interleaved ? ops.reshape(moving, [batch, heads, tokens, half, 2]) : moving;
  const [a, b] = ops.split(view, axis, interleaved ? [1, 1] : [half, half]) as [Tensor, Tensor];
  const first = ops.sub(ops.mul(a, cos), ops.mul(b, sin));
  const second = ops.add(ops.mul(b, cos), ops.mul(a, sin));
  const result = ops.reshape(ops.concat([first, second], axis), moving.shape);
  return still ? ops.concat([result, still], 3) : result;
}

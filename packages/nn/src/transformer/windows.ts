import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import { attention } from './attention.ts';
import { block } from './block.ts';
import type { Builder } from './builder.ts';
import { type ModelConfig, patchStages, type Stage } from './config.ts';
import { normalise } from './parts.ts';

/**
 * The blocks of a Swin transformer (Liu et al., 2021) on patches x [batch, rows * columns, width]: attention within windows,
 * moved by half a window in every other block, and two by two patches merged between stages. Returns the patches before
 * the first block and after each.
 */
export function windowStages(builder: Builder, config: ModelConfig, x: Tensor): Tensor[] {
  const states = [x];
  let layer = 0;
  for (const [i, stage] of patchStages(config).entries()) {
    if (i > 0) states.push(merge(builder, stage.config, `stages.${i}.merge`, states.pop()!, stage.grid));
    for (let n = 0; n < stage.layers; n++, layer++) {
      const name = `layers.${layer}`;
      const shift = windowShift(stage, n);
      const mix = (y: Tensor) => windowed(builder, stage, `${name}.attention`, y, shift, layer);
      const before = states.at(-1)!;
      states.push(
        builder.program.scope(name, () => block(builder, stage.config, name, before, { mask: {}, layer, mix })),
      );
    }
  }
  return states;
}

/** Self-attention of each window of x [batch, rows * columns, width], the windows `shift` patches down and to the right. */
function windowed(builder: Builder, stage: Stage, name: string, x: Tensor, shift: number, layer: number): Tensor {
  const { config, window, grid } = stage;
  const [rows, columns] = grid;
  const [batch, , width] = x.shape as [number, number, number];
  const [down, across] = [rows / window, columns / window];
  const order = [0, 1, 3, 2, 4, 5];
  const moved = roll(ops.reshape(x, [batch, rows, columns, width]), shift);
  const apart = ops.transpose(ops.reshape(moved, [batch, down, window, across, window, width]), order);
  const windows = ops.reshape(apart, [batch * down * across, window * window, width]);
  const mask = shift > 0 ? { window: neighbourMask(x.program, stage, shift, batch) } : {};
  const mixed = attention(builder, config, name, windows, mask, layer);
  const together = ops.transpose(ops.reshape(mixed, [batch, down, across, window, window, width]), order);
  return ops.reshape(roll(ops.reshape(together, [batch, rows, columns, width]), -shift), x.shape);
}

/** Turns rows and columns of [batch, rows, columns, width] back by `shift`, those at the front to the end. */
function roll(x: Tensor, shift: number): Tensor {
  if (shift === 0) return x;
  return [1, 2].reduce((y, axis) => {
    const size = y.shape[axis]!;
    const cut = (shift + size) % size;
    return ops.concat([ops.slice(y, axis, cut, size), ops.slice(y, axis, 0, cut)], axis);
  }, x);
}

/** How far the windows of a stage's n-th block are moved: every other block's, where there are several. */
export const windowShift = ({ grid, window }: Stage, n: number): number =>
  n % 2 === 1 && Math.min(...grid) > window ? Math.floor(window / 2) : 0;

/**
 * Whether two patches of window w were neighbours before the turn. A window at the far end holds patches of both ends: on the
 * two sides of the cut they do not see each other.
 */
export function neighbours({ grid, window }: Stage, shift: number): (w: number, a: number, b: number) => boolean {
  const [rows, columns] = grid;
  const across = columns / window;
  const side = (at: number, size: number) => (at < size - window ? 0 : at < size - shift ? 1 : 2);
  const region = (w: number, p: number) =>
    3 * side(Math.floor(w / across) * window + Math.floor(p / window), rows) +
    side((w % across) * window + (p % window), columns);
  return (w, a, b) => region(w, a) === region(w, b);
}

/** 1 for pairs of neighbours, [batch * windows, 1, patches, patches]. */
function neighbourMask(program: Tensor['program'], stage: Stage, shift: number, batch: number): Tensor {
  const [rows, columns] = stage.grid;
  const patches = stage.window ** 2;
  const count = (rows * columns) / patches;
  const together = neighbours(stage, shift);
  const values = Float32Array.from({ length: batch * count * patches * patches }, (_, i) => {
    const w = Math.floor(i / (patches * patches)) % count;
    const pair = i % (patches * patches);
    return together(w, Math.floor(pair / patches), pair % patches) ? 1 : 0;
  });
  return program.constant(values, [batch * count, 1, patches, patches], 'neighbours');
}

/** Two by two patches of the stage before as one, of twice their width: the result is a grid of `grid`. */
function merge(builder: Builder, config: ModelConfig, name: string, x: Tensor, grid: Stage['grid']): Tensor {
  const [rows, columns] = grid;
  const [batch, , width] = x.shape as [number, number, number];
  const apart = ops.reshape(x, [batch, rows, 2, columns, 2, width]);
  // Within four: the first column's two rows, then the second's.
  const four = ops.reshape(ops.transpose(apart, [0, 1, 3, 4, 2, 5]), [batch, rows * columns, 4 * width]);
  const flat = normalise(builder, config, `${name}.norm`, config.norm, four);
  return ops.linear(flat, builder.parameter(`${name}.weight`, [2 * width, 4 * width]));
}

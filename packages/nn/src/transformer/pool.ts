import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import { leadingTokens, type ModelConfig } from './config.ts';
import type { ModelInputs } from './inputs.ts';

/** What the head reads of x [batch, tokens, width]: [batch, width or twice that], or x itself for pool "none". */
export function pool(config: ModelConfig, x: Tensor, { ids, mask }: Pick<ModelInputs, 'ids' | 'mask'>): Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const first = (count: number) => ops.reshape(ops.slice(x, 1, 0, count), [batch, count * width]);
  /** Tokens by weights [batch, tokens], as one small product a sequence. */
  const weighted = (weights: Tensor) =>
    ops.reshape(ops.matmul(ops.reshape(weights, [batch, 1, tokens]), x), [batch, width]);
  const patches = () => {
    const from = config.embedding.kind === 'patch' ? leadingTokens(config.embedding) : 0;
    return ops.mean(ops.slice(x, 1, from, tokens), [1]);
  };
  switch (config.pool) {
    case 'none':
      return x;
    case 'class':
      return first(1);
    case 'first-two':
      return first(2);
    case 'patch-mean':
      return patches();
    case 'class-and-patch-mean':
      return ops.concat([first(1), patches()], 1);
    case 'mean':
      return mask ? weighted(ops.div(mask, ops.sum(mask, [1], true))) : ops.mean(x, [1]);
    case 'max':
      return ops.max(mask ? ops.add(x, hidden(ops.reshape(mask, [batch, tokens, 1]))) : x, [1]);
    case 'last':
      return weighted(lastToken(config, ids!, mask));
  }
}

/** 0 for real tokens, far below any value for others. */
const hidden = (mask: Tensor): Tensor => ops.scale(ops.shift(mask, -1), 1e9);

/** 1 at the last token that is real and not the padding token, [batch, tokens]; at the first where there is none. */
function lastToken({ embedding }: ModelConfig, ids: Tensor, mask: Tensor | undefined): Tensor {
  const { program, shape } = ids;
  const padding = embedding.kind === 'token' ? embedding.padding : undefined;
  const numbers = Float32Array.from({ length: shape[1]! }, (_, t) => t + 1);
  const ones = program.constant(new Float32Array(shape[0]! * shape[1]!).fill(1), shape, 'ones');
  const real = mask ?? ones;
  const counted = padding === undefined ? real : ops.mul(real, ops.differs(ids, padding));
  // Half a point for the first token: what is left where no token counts.
  const least = program.constant(
    numbers.map((n) => (n === 1 ? 0.5 : 0)),
    [1, shape[1]!],
    'first',
  );
  const rank = ops.add(ops.mul(counted, program.constant(numbers, [1, shape[1]!], 'position')), least);
  return ops.equals(rank, ops.max(rank, [1], true));
}

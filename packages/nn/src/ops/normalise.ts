import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { rawAdd, rawMul, rawSub } from './elementwise.ts';
import { rawReduce } from './reduce.ts';
import { rawReshape } from './shape.ts';

/**
 * The backward pass shared by every normalisation y = gain * (x - mean) * inverse + bias whose mean and inverse
 * standard deviation are taken over `axes` of x: dx = inverse (h - mean(h) - xhat mean(h xhat)), h = gain * g.
 * `centred` is false for RMSNorm, which subtracts no mean.
 */
function normaliseBackward(
  gradient: Tensor,
  xhat: Tensor,
  inverse: Tensor,
  gain: Tensor | undefined,
  axes: readonly number[],
  centred: boolean,
): Tensor {
  const h = gain ? rawMul(gradient, gain) : gradient;
  const projected = rawMul(xhat, rawReduce('ReduceMean', rawMul(h, xhat), axes, true));
  const centredH = centred ? rawSub(h, rawReduce('ReduceMean', h, axes, true)) : h;
  return rawMul(rawSub(centredH, projected), inverse);
}

/** Sums a gradient over every axis but the last (features), into the shape of a gain or bias vector. */
function sumRows(gradient: Tensor): Tensor {
  const width = gradient.shape.at(-1)!;
  const flat = rawReshape(gradient, [elementCount(gradient.shape) / width, width]);
  return rawReduce('ReduceSum', flat, [0], false);
}

function checkVector(name: string, x: Tensor, vector: Tensor): void {
  if (vector.shape.join() !== `${x.shape.at(-1)}`) {
    throw new ShapeError(
      `${name} at ${x.program.location}: features ${formatShape(x.shape)}, vector ${formatShape(vector.shape)}.`,
    );
  }
}

/** LayerNorm over the last dimension: (x - mean) / sqrt(var + epsilon) * gain + bias. x [..., width]. */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor {
  checkVector('layerNorm', x, gain);
  checkVector('layerNorm', x, bias);
  const { program } = x;
  const axis = x.shape.length - 1;
  const statistics = [...x.shape.slice(0, -1), 1];
  const needsBackward = x.differentiable || gain.differentiable || bias.differentiable;
  const [y, mean, inverse] = program.emit(
    'LayerNormalization',
    [x, gain, bias],
    needsBackward ? [{ shape: x.shape }, { shape: statistics }, { shape: statistics }] : [{ shape: x.shape }],
    { axis: { int: -1 }, epsilon: { float: epsilon } },
  );
  return program.record([x, gain, bias], [y!], ([g]) => {
    const xhat = rawMul(rawSub(x, mean!), inverse!);
    return [
      x.differentiable ? normaliseBackward(g!, xhat, inverse!, gain, [axis], true) : undefined,
      gain.differentiable ? sumRows(rawMul(g!, xhat)) : undefined,
      bias.differentiable ? sumRows(g!) : undefined,
    ];
  })[0]!;
}

/** RMSNorm over the last dimension: x / sqrt(mean(x^2) + epsilon) * gain. */
export function rmsNorm(x: Tensor, gain: Tensor, epsilon: number): Tensor {
  checkVector('rmsNorm', x, gain);
  const { program } = x;
  const axis = x.shape.length - 1;
  const meanSquare = rawReduce('ReduceMean', rawMul(x, x), [axis], true);
  const inverse = inverseRoot(meanSquare, epsilon);
  const xhat = rawMul(x, inverse);
  return program.record([x, gain], [rawMul(xhat, gain)], ([g]) => [
    x.differentiable ? normaliseBackward(g!, xhat, inverse, gain, [axis], false) : undefined,
    gain.differentiable ? sumRows(rawMul(g!, xhat)) : undefined,
  ])[0]!;
}

function inverseRoot(variance: Tensor, epsilon: number): Tensor {
  const { program } = variance;
  const root = program.emit1('Sqrt', [rawAdd(variance, program.scalar(epsilon))], variance.shape);
  return program.emit1('Reciprocal', [root], variance.shape);
}

export interface BatchNormResult {
  readonly y: Tensor;
  /** Mean and (biased) variance of this batch, one per channel [channels], for the running statistics. */
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * BatchNorm with the statistics of this batch, over every axis but `channelAxis`: gain and bias [channels]. With
 * `include` (0/1, broadcasting against x, 1 for what counts: padding excluded) the statistics are those of the
 * included elements only, and gradients flow accordingly.
 */
export function batchNorm(
  x: Tensor,
  gain: Tensor,
  bias: Tensor,
  options: { readonly channelAxis: number; readonly epsilon: number; readonly include?: Tensor },
): BatchNormResult {
  const { program } = x;
  const { channelAxis, epsilon, include } = options;
  const channels = x.shape[channelAxis]!;
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== channelAxis);
  const kept = x.shape.map((size, axis) => (axis === channelAxis ? size : 1));
  const wide = (vector: Tensor) => rawReshape(vector, kept);
  const flat = (statistic: Tensor) => rawReshape(statistic, [channels]);

  const count =
    include &&
    rawReduce('ReduceSum', program.emit1('Expand', [include, program.integers(x.shape)], x.shape), axes, true);
  const average = (values: Tensor) =>
    include && count
      ? program.emit1('Div', [rawReduce('ReduceSum', rawMul(values, include), axes, true), count], kept)
      : rawReduce('ReduceMean', values, axes, true);
  const mean = average(x);
  const centred = rawSub(x, mean);
  const variance = average(rawMul(centred, centred));
  const inverse = inverseRoot(variance, epsilon);
  const xhat = rawMul(centred, inverse);
  const y = rawAdd(rawMul(xhat, wide(gain)), wide(bias));
  const [recorded] = program.record([x, gain, bias], [y], ([g]) => {
    const h = rawMul(g!, wide(gain));
    // Every output element feels the statistics, but only included elements shape them.
    const total = (values: Tensor) => rawReduce(include ? 'ReduceSum' : 'ReduceMean', values, axes, true);
    const share = (values: Tensor) => (count ? program.emit1('Div', [total(values), count], kept) : total(values));
    const common = rawAdd(share(h), rawMul(xhat, share(rawMul(h, xhat))));
    const dx = rawMul(rawSub(h, include ? rawMul(common, include) : common), inverse);
    return [
      x.differentiable ? dx : undefined,
      gain.differentiable ? flat(rawReduce('ReduceSum', rawMul(g!, xhat), axes, true)) : undefined,
      bias.differentiable ? flat(rawReduce('ReduceSum', g!, axes, true)) : undefined,
    ];
  });
  return { y: recorded!, mean: flat(mean), variance: flat(variance) };
}

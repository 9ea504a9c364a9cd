import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import { rawReshape, rawTranspose } from './shape.ts';

interface MatmulFlags {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor applied inside the product, at no extra pass over memory. */
  readonly alpha?: number;
}

/**
 * Batched product over the last two dimensions with both operands of the same leading dimensions. Written as
 * com.microsoft.FusedMatMul when a transposition or a factor is wanted: the CPU kernel hands both to its GEMM, where
 * a separate Transpose would be one more pass over memory.
 */
export function rawMatmul(a: Tensor, b: Tensor, flags: MatmulFlags = {}): Tensor {
  const rank = a.shape.length;
  const lead = a.shape.slice(0, -2);
  const [m, k] = flags.transA ? [a.shape[rank - 1]!, a.shape[rank - 2]!] : [a.shape[rank - 2]!, a.shape[rank - 1]!];
  const [k2, n] = flags.transB ? [b.shape[rank - 1]!, b.shape[rank - 2]!] : [b.shape[rank - 2]!, b.shape[rank - 1]!];
  if (k !== k2 || lead.join() !== b.shape.slice(0, -2).join()) {
    throw new ShapeError(`matmul at ${a.program.location}: ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  }
  const shape = [...lead, m, n];
  if (!flags.transA && !flags.transB && (flags.alpha ?? 1) === 1) return a.program.emit1('MatMul', [a, b], shape);
  if (a.program.dialect === 'onnx') {
    const swapped = (x: Tensor) => rawTranspose(x, [...lead.map((_, i) => i), rank - 1, rank - 2]);
    const operands = [flags.transA ? swapped(a) : a, flags.transB ? swapped(b) : b];
    const product = a.program.emit1('MatMul', operands, shape);
    return (flags.alpha ?? 1) === 1
      ? product
      : a.program.emit1('Mul', [product, a.program.scalar(flags.alpha!)], shape);
  }
  const attributes = {
    transA: { int: flags.transA ? 1 : 0 },
    transB: { int: flags.transB ? 1 : 0 },
    alpha: { float: flags.alpha ?? 1 },
  };
  return a.program.emit1('FusedMatMul', [a, b], shape, attributes, 'float32', 'com.microsoft');
}

/** alpha * op(a) @ op(b), batched over equal leading dimensions: [..., m, k] x [..., k, n] -> [..., m, n]. */
export function matmul(a: Tensor, b: Tensor, flags: MatmulFlags = {}): Tensor {
  const { transA = false, transB = false, alpha = 1 } = flags;
  return a.program.record([a, b], [rawMatmul(a, b, flags)], ([g]) => {
    const left = transA
      ? rawMatmul(b, g!, { transA: transB, transB: true, alpha })
      : rawMatmul(g!, b, { transB: !transB, alpha });
    const right = transB
      ? rawMatmul(g!, a, { transA: true, transB: transA, alpha })
      : rawMatmul(a, g!, { transA: !transA, alpha });
    return [a.differentiable ? left : undefined, b.differentiable ? right : undefined];
  })[0]!;
}

/**
 * x W^T + bias over the last dimension: x [..., in], weight [out, in], bias [out] -> [..., out]. One Gemm; the
 * gradients of x and of the weight are one Gemm each, without any transposition in memory.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const { program } = x;
  const width = x.shape.at(-1)!;
  const [out, inner] = weight.shape as [number, number];
  if (inner !== width || (bias && bias.shape.join() !== `${out}`)) {
    throw new ShapeError(
      `linear at ${program.location}: input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)} [out, in]` +
        `${bias ? `, bias ${formatShape(bias.shape)}` : ''}.`,
    );
  }
  const rows = elementCount(x.shape) / width;
  const flat = x.shape.length === 2 ? x : rawReshape(x, [rows, width]);
  const inputs = bias ? [flat, weight, bias] : [flat, weight];
  const product = program.emit1('Gemm', inputs, [rows, out], { transB: { int: 1 } });
  const shape = [...x.shape.slice(0, -1), out];
  const y = x.shape.length === 2 ? product : rawReshape(product, shape);
  return program.record(bias ? [x, weight, bias] : [x, weight], [y], ([g]) => {
    const flatG = g!.shape.length === 2 ? g! : rawReshape(g!, [rows, out]);
    const dx = () => rawReshapeTo(program.emit1('Gemm', [flatG, weight], [rows, width]), x.shape);
    const dw = () => program.emit1('Gemm', [flatG, flat], [out, width], { transA: { int: 1 } });
    const db = () => program.emit1('ReduceSum', [flatG, program.integers([0])], [out], { keepdims: { int: 0 } });
    return [
      x.differentiable ? dx() : undefined,
      weight.differentiable ? dw() : undefined,
      ...(bias ? [bias.differentiable ? db() : undefined] : []),
    ];
  })[0]!;
}

const rawReshapeTo = (x: Tensor, shape: readonly number[]) => (shape.length === 2 ? x : rawReshape(x, shape));

/** [batch, tokens, heads * width] -> [batch, heads, tokens, width]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const headWidth = width / heads;
  const apart = rawTranspose(rawReshape(x, [batch, tokens, heads, headWidth]), [0, 2, 1, 3]);
  return x.program.record([x], [apart], ([g]) => [rawReshape(rawTranspose(g!, [0, 2, 1, 3]), x.shape)])[0]!;
}

/** [batch, heads, tokens, width] -> [batch, tokens, heads * width]. */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  const merged = rawReshape(rawTranspose(x, [0, 2, 1, 3]), [batch, tokens, heads * width]);
  return x.program.record([x], [merged], ([g]) => [
    rawTranspose(rawReshape(g!, [batch, tokens, heads, width]), [0, 2, 1, 3]),
  ])[0]!;
}

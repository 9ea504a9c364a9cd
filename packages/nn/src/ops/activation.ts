import type { Tensor } from '../onnx/program.ts';
import { rawAdd, rawMul, rawNeg, rawScale, rawSub } from './elementwise.ts';

const inverseSqrt2 = Math.SQRT1_2;
const inverseSqrt2Pi = 1 / Math.sqrt(2 * Math.PI);

/** GELU, exact: x Phi(x) with the normal distribution function Phi. Phi is kept for the backward pass. */
export function gelu(x: Tensor): Tensor {
  const { program } = x;
  if (!x.differentiable) return program.emit1('Gelu', [x], x.shape, { approximate: { string: 'none' } });
  const scaled = rawScale(x, inverseSqrt2);
  const erf = program.emit1('Erf', [scaled], x.shape);
  const phi = rawAdd(rawScale(erf, 0.5), program.scalar(0.5));
  return program.record([x], [rawMul(x, phi)], ([g]) => {
    // d/dx = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi), and x^2 / 2 = scaled^2.
    const density = program.emit1('Exp', [rawNeg(rawMul(scaled, scaled))], x.shape);
    const slope = rawAdd(phi, rawMul(rawScale(x, inverseSqrt2Pi), density));
    return [rawMul(g!, slope)];
  })[0]!;
}

/** The tanh form of GELU ("gelu_new" of GPT-2): 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function geluTanh(x: Tensor): Tensor {
  const { program } = x;
  if (!x.differentiable) return program.emit1('Gelu', [x], x.shape, { approximate: { string: 'tanh' } });
  const factor = Math.sqrt(2 / Math.PI);
  const squared = rawMul(x, x);
  const inner = rawMul(x, rawAdd(rawScale(squared, factor * 0.044715), program.scalar(factor)));
  const half = rawAdd(rawScale(program.emit1('Tanh', [inner], x.shape), 0.5), program.scalar(0.5));
  return program.record([x], [rawMul(x, half)], ([g]) => {
    // half = (1 + tanh u) / 2, so d half / du = 2 half (1 - half).
    const du = rawMul(x, rawAdd(rawScale(squared, 3 * factor * 0.044715), program.scalar(factor)));
    const dHalf = rawScale(rawSub(half, rawMul(half, half)), 2);
    return [rawMul(g!, rawAdd(half, rawMul(du, dHalf)))];
  })[0]!;
}

/** SiLU (swish): x sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return gatedSigmoid(x, 1);
}

/** x sigmoid(1.702 x), the cheap stand-in for GELU ("quick_gelu"). */
export function quickGelu(x: Tensor): Tensor {
  return gatedSigmoid(x, 1.702);
}

function gatedSigmoid(x: Tensor, slope: number): Tensor {
  const { program } = x;
  const gate = program.emit1('Sigmoid', [rawScale(x, slope)], x.shape);
  const y = rawMul(x, gate);
  return program.record([x], [y], ([g]) => {
    // d/dx = s + slope x s (1 - s) = s + slope (y - y s)
    const bend = rawScale(rawSub(y, rawMul(y, gate)), slope);
    return [rawMul(g!, rawAdd(gate, bend))];
  })[0]!;
}

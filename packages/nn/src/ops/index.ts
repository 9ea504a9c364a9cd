export * from './activation.ts';
export { asInteger, differs, equals } from './compare.ts';
export {
  abs,
  add,
  clip,
  div,
  exp,
  log,
  mul,
  reciprocal,
  relu,
  scale,
  shift,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
} from './elementwise.ts';
export { linear, matmul, mergeHeads, splitHeads } from './matmul.ts';
export { type BatchNormResult, batchNorm, layerNorm, rmsNorm } from './normalise.ts';
export { type PolynomialDomain, polynomial } from './polynomial.ts';
export { max, mean, perExampleExtremes, sum } from './reduce.ts';
export { concat, embedding, expand, gatherColumns, reshape, slice, split, transpose } from './shape.ts';
export { crossEntropy, distillation, logSoftmax, oneHot, softmax } from './softmax.ts';

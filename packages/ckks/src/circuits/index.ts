export { type BootstrapKeys, generateBootstrapKeys } from './bootstrap/bootstrap-keys.ts';
export { BootstrapMatrices } from './bootstrap/bootstrap-matrices.ts';
export { type BootstrapPrecision, bootstrapPrecision } from './bootstrap/bootstrap-noise.ts';
export {
  type BootstrapChain,
  BootstrapPlan,
  type BootstrapPlanOptions,
  bootstrapLiteral,
  defaultBootstrapChain,
  longBootstrapChain,
  preciseBootstrapChain,
} from './bootstrap/bootstrap-plan.ts';
export { Bootstrapper } from './bootstrap/bootstrapping.ts';
export { type Choice, chooseParameters, expectedPrecision, type Requirements } from './bootstrap/chooser.ts';
export { coeffsToSlotsMatrices, slotsToCoeffsMatrices, transformDiagonals } from './bootstrap/dft.ts';
export {
  defaultEvalMod,
  EvalMod,
  type EvalModOptions,
  evalModFor,
  log2FailureProbability,
} from './bootstrap/eval-mod.ts';
export { type ComplexVector, centred, DiagonalMatrix, periodOf } from './linear/diagonals.ts';
export { encodedLength } from './linear/encoded-diagonal.ts';
export { LinearTransform, type LinearTransformOptions, LinearTransformPlan } from './linear/linear-transform.ts';
export {
  defaultDiagonalBytes,
  type StreamedMatrix,
  type StreamedTransformOptions,
  StreamedTransformPlan,
} from './linear/streamed-plan.ts';
export { applyStreamed } from './linear/streamed-transform.ts';
export { linearTransformNoise, polynomialNoise } from './noise.ts';
export { chebyshevFromMonomial, evaluationWork, PolynomialEvaluator } from './polynomial/polynomial.ts';

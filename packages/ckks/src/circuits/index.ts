export { type BootstrapPrecision, bootstrapPrecision } from './bootstrap-noise.ts';
export {
  type BootstrapChain,
  BootstrapPlan,
  type BootstrapPlanOptions,
  bootstrapLiteral,
  defaultBootstrapChain,
} from './bootstrap-plan.ts';
export { type BootstrapKeys, Bootstrapper, generateBootstrapKeys, type Progress } from './bootstrapping.ts';
export { type Choice, chooseParameters, expectedPrecision, type Wanted } from './chooser.ts';
export { coeffsToSlotsMatrices, slotsToCoeffsMatrices, transformDiagonals } from './dft.ts';
export { type ComplexVector, centred, DiagonalMatrix, periodOf } from './diagonals.ts';
export { encodedLength } from './encoded-diagonal.ts';
export { defaultEvalMod, EvalMod, type EvalModOptions, log2FailureProbability } from './eval-mod.ts';
export { LinearTransform, type LinearTransformOptions, LinearTransformPlan } from './linear-transform.ts';
export { linearTransformNoise, polynomialNoise } from './noise.ts';
export { chebyshevFromMonomial, evaluationWork, PolynomialEvaluator } from './polynomial.ts';
export {
  applyStreamed,
  type StreamedMatrix,
  type StreamedTransformOptions,
  StreamedTransformPlan,
} from './streamed-transform.ts';

export { type Approximation, evaluate, type Method } from './approximation.ts';
export type { Growth, GrowthSide, RoundingEffect } from './certificate/behaviour.ts';
export type { ErrorBound } from './certificate/bound.ts';
export type { Certificate, ErrorKind, ErrorPoint } from './certificate/certificate.ts';
export * from './errors.ts';
export type { Constraint, FitProblem, ParityChoice } from './fit/ansatz.ts';
export { interpolate, truncate } from './fit/chebyshev.ts';
export { type FitOptions, fit, type TargetOptions } from './fit/fit.ts';
export { leastSquares } from './fit/least-squares.ts';
export { type RemezResult, remez } from './fit/remez.ts';
export { catalogue, expressionTarget } from './functions/catalogue.ts';
export { type Density, densityFromHistogram, densityFromSamples, parseDensity } from './functions/density.ts';
export { type FunctionInput, toTarget } from './functions/resolve.ts';
export { parseTable, tableFunction } from './functions/table.ts';
export type { Family, Symmetry, TargetFunction } from './functions/target.ts';
export { contains, type Domain, type Interval, type IntervalInput, toDomain } from './interval.ts';
export { maxDegree, type Parity, Polynomial } from './polynomial.ts';
export {
  type BasisStep,
  type EvaluationCost,
  type EvaluationPlan,
  evaluatePlan,
  evaluationCost,
  evaluationPlan,
  isConstant,
  optimalDepth,
  type PlanNode,
} from './program/plan.ts';
export { evaluateProgram, type Program, programCost, type Step } from './program/program.ts';
export { type CosineProgram, cosineDoubleAngle } from './programs/cosine.ts';
export { exponentialPower, type PowerBase } from './programs/exponential.ts';
export { inverseSqrtIteration } from './programs/inverse-sqrt.ts';
export { type ProvedProgram, reciprocalIteration } from './programs/reciprocal.ts';
export { proveSignProgram, type SignKind, signProgram } from './programs/relu.ts';
export { type CompositeSign, compositeSign, oddSign, proveSign, type SignStage } from './programs/sign.ts';
export { type SearchOptions, type SearchResult, search } from './search/search.ts';
export { approximationFormat, fromJSON, programFromJSON, toJSON } from './serialise.ts';

/** Polynomial models into encrypted programs: packing, levels, bootstraps, cost. */
export { defaultCosts } from './cost/default-costs.ts';
export { followRun, type RunWork } from './cost/follow-run.ts';
export { type Prediction, predict, predictSeconds } from './cost/predict.ts';
export { highestGoodError, type PredictedError, predictError } from './cost/predict-error.ts';
export { measureReference } from './cost/reference.ts';
export { CostError, LayoutError, PlacementError } from './errors.ts';
export {
  type Compiled,
  type CompileOptions,
  compile,
  compileForThroughput,
  type ThroughputOptions,
} from './passes/compile.ts';
export {
  type CompiledGeneration,
  compileGeneration,
  type GenerationOptions,
} from './passes/compile-generation.ts';
export { explain, type Plan, type PlanCounts, type PlanRow } from './plan/explain.ts';
export { type BootstrapPricing, defaultMachine, type MachineModel, machineOf } from './plan/machine.ts';
export {
  type OpenProgram,
  openProgram,
  type Precision,
  type ProgramOptions,
  precisions,
  programParameters,
  writeProgram,
} from './program-folder.ts';
export { type RunRequestOptions, runRequest } from './run-request.ts';

export {
  type CkksMachine,
  type CkksOptions,
  type CkksResult,
  type InstructionTiming,
  runCkks,
} from './backends/ckks.ts';
export { type ClearOptions, type ClearResult, type Excursion, runClear } from './backends/clear.ts';
export { type KeyPlan, planKeys } from './backends/key-plan.ts';
export { CanonicalScales } from './backends/scales.ts';
export { runSimulated, type SimulateOptions } from './backends/simulate.ts';
export * from './errors.ts';
export {
  type Compiled,
  type CompileOptions,
  compile,
  compileForThroughput,
  type ThroughputOptions,
} from './passes/compile.ts';
export { explain, type Plan, type PlanCounts, type PlanRow } from './plan/explain.ts';
export { type RotationUse, rotationKeys, rotationsOf } from './plan/keys.ts';
export { type BootstrapPricing, defaultMachine, type MachineModel, machineOf } from './plan/machine.ts';
export { checkProgram } from './program/check.ts';
export type * from './program/instructions.ts';
export {
  type BootstrapLevels,
  hasMasks,
  lastUses,
  operandLevel,
  operandsOf,
  resultLevel,
  resultsOf,
} from './program/levels.ts';
export { joinExamples, ofExample, packInput, packInputs, unpackOutput } from './program/values.ts';

export { type ClearOptions, type ClearResult, type Excursion, runClear } from './backends/clear.ts';
export * from './errors.ts';
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
export { packInput, packInputs, unpackOutput } from './program/values.ts';

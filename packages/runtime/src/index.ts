/** Encrypted programs: instructions, key plans, the back ends that run them, and the protocol of the two parties. Browsers and Node. */
export {
  type CkksMachine,
  type CkksOptions,
  type CkksResult,
  type InstructionTiming,
  runCkks,
} from './backends/ckks.ts';
export { type ClearOptions, type ClearResult, type OutOfRangeOperand, runClear } from './backends/clear.ts';
export { Gaussian } from './backends/gaussian.ts';
export { runSimulated, type SimulateOptions } from './backends/simulate.ts';
export {
  FileError,
  InputError,
  KeyUseError,
  MismatchError,
  ProgramError,
  PromptError,
  ResourceError,
  ResultError,
  type ResultFault,
  ShareError,
} from './errors.ts';
export type { KeyPlan } from './keys/key-plan.ts';
export { type PlannedProgram, planProgram, planTogether } from './keys/planned-program.ts';
export { rotationKeys } from './keys/rotations.ts';
export { checkProgram } from './program/check.ts';
export type {
  EncryptedProgram,
  Instruction,
  InstructionOf,
  KeptCiphertexts,
  LinearInstruction,
  LinearPacking,
  ProductPacking,
  ProductTerm,
  ProgramInput,
  ProgramOutput,
  Register,
  RotatedCopy,
  SlotMatrix,
  SlotVector,
} from './program/instructions.ts';
export {
  type BootstrapLevels,
  hasMasks,
  isPackable,
  lastUses,
  operandsOf,
  registerLevels,
  resultLevel,
  resultsOf,
} from './program/levels.ts';
export { isMasked, masksOf, productTerms } from './program/packed-product.ts';
export { PackedTransform } from './program/packed-transform.ts';
export { termGroups } from './program/term-groups.ts';
export { joinExamples, packInputs } from './program/values.ts';
export { manifestFile } from './protocol/client-half.ts';
export { programDigest } from './protocol/digest.ts';
export { makeManifest } from './protocol/make-manifest.ts';
export { type ProgramManifest, parametersOf, parseManifest } from './protocol/manifest.ts';

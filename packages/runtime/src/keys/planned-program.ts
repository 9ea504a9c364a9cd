import type { BootstrapPlan } from '@cipherformer/ckks';
import type { EncryptedProgram } from '../program/instructions.ts';
import { type KeyPlan, planKeys } from './key-plan.ts';

/**
 * A program with the bootstraps it is made for and the keys it needs. Who compiles or opens a program plans it, once:
 * pricing, simulating, describing and running it take the plan with it.
 */
export interface PlannedProgram {
  readonly program: EncryptedProgram;
  readonly bootstrapPlan: BootstrapPlan;
  readonly keyPlan: KeyPlan;
}

/** @throws ParameterError where no number of special primes serves the program's levels. Cost: linear in its diagonals. */
export function planProgram(program: EncryptedProgram, bootstrapPlan: BootstrapPlan): PlannedProgram {
  return planTogether([program], bootstrapPlan)[0]!;
}

/** Programs of one key set, planned for the keys of all of them. Errors as planProgram. */
export function planTogether(programs: readonly EncryptedProgram[], bootstrapPlan: BootstrapPlan): PlannedProgram[] {
  const keyPlan = planKeys(programs, bootstrapPlan);
  return programs.map((program) => ({ program, bootstrapPlan, keyPlan }));
}

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
  return { program, bootstrapPlan, keyPlan: planKeys(program, bootstrapPlan) };
}

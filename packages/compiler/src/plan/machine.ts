import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import { defaultCosts } from '../cost/default-costs.ts';
import { type OperationCount, operationsOf } from '../cost/operations.ts';
import { type CostTable, secondsOf } from '../cost/table.ts';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import type { BootstrapLevels } from '../program/levels.ts';

/** What the placement of bootstraps has to know of bootstraps. */
export interface BootstrapPricing extends BootstrapLevels {
  /** The highest level a client encrypts at. */
  readonly inputLevel: number;
  /** Seconds to refresh so many ciphertexts, in pairs. */
  bootstrapSeconds(ciphertexts: number): number;
}

/** An engine on a computer, as far as plans need it. */
export interface MachineModel extends BootstrapPricing {
  readonly name: string;
  /** The operations of an instruction at its level. */
  operations(instruction: Instruction, program: Pick<EncryptedProgram, 'slots' | 'masks'>): OperationCount[];
  /** Predicted processor seconds. Must not fall with the level. */
  seconds(operations: readonly OperationCount[]): number;
}

/** The engine with these parameters on the computer whose costs were measured. */
export function machineOf(parameters: Parameters, costs: CostTable, name: string): MachineModel {
  const { inputLevel, outputLevel } = new BootstrapPlan(parameters);
  const seconds = (operations: readonly OperationCount[]) => secondsOf(costs, operations);
  return {
    name,
    bootstrapInputLevel: inputLevel,
    bootstrapOutputLevel: outputLevel,
    inputLevel: outputLevel,
    operations: (instruction, program) => operationsOf(instruction, program, parameters),
    seconds,
    bootstrapSeconds: (ciphertexts) =>
      seconds([
        { operation: 'bootstrapPair', level: inputLevel, count: Math.floor(ciphertexts / 2) },
        { operation: 'bootstrapReal', level: inputLevel, count: ciphertexts % 2 },
      ]),
  };
}

let known: MachineModel | undefined;

/** The engine's default parameters on the server the defaults were measured on: for plans before anything is measured. */
export function defaultMachine(): MachineModel {
  known ??= machineOf(Parameters.from(bootstrapLiteral()), defaultCosts, 'default costs, N = 2^16');
  return known;
}

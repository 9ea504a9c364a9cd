import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import type { BootstrapLevels, EncryptedProgram, Instruction } from '@cipherformer/runtime';
import { defaultCosts } from '../cost/default-costs.ts';
import { type OperationCount, operationsOf } from '../cost/operations.ts';
import { type CostTable, secondsOf, tableFor } from '../cost/table.ts';

/** What the placement of bootstraps has to know of bootstraps. */
export interface BootstrapPricing extends BootstrapLevels {
  /** The highest level a client encrypts at. */
  readonly inputLevel: number;
  /** Seconds to refresh so many ciphertexts: so much a pair, and so much for one without a partner. */
  bootstrapSeconds(ciphertexts: number): number;
}

/** An engine on a computer, as far as plans need it. */
export interface MachineModel extends BootstrapPricing {
  readonly name: string;
  /** q0 / scale: values so far apart are one at level 0, and after a bootstrap. */
  readonly period: number;
  /** The operations of an instruction at its level. */
  operations(instruction: Instruction, program: Pick<EncryptedProgram, 'slots' | 'masks'>): OperationCount[];
  /** Predicted processor seconds. Must not fall with the level. */
  seconds(operations: readonly OperationCount[]): number;
}

/** Predicted processor seconds of an instruction that reads no masks. */
export function secondsOn(machine: MachineModel, instruction: Instruction, slots: number): number {
  return machine.seconds(machine.operations(instruction, { slots, masks: [] }));
}

/** The engine with these parameters on the computer whose costs were measured. */
export function machineOf(parameters: Parameters, costs: CostTable, name: string): MachineModel {
  const plan = new BootstrapPlan(parameters);
  const { inputLevel, outputLevel } = plan;
  const smooth = smoothed(tableFor(plan, costs));
  const seconds = (operations: readonly OperationCount[]) => secondsOf(smooth, operations);
  return {
    name,
    bootstrapInputLevel: inputLevel,
    bootstrapOutputLevel: outputLevel,
    inputLevel: outputLevel,
    period: parameters.primeAt(0) / parameters.scale,
    operations: (instruction, program) => operationsOf(instruction, program, parameters),
    seconds,
    bootstrapSeconds: (ciphertexts) =>
      seconds([
        { operation: 'bootstrapPair', level: inputLevel, count: Math.floor(ciphertexts / 2) },
        { operation: 'bootstrapReal', level: inputLevel, count: ciphertexts % 2 },
      ]),
  };
}

/**
 * The table with each operation on a straight line over the levels, which never falls: single measurements scatter, and a
 * placement must not chase their noise.
 */
function smoothed(costs: CostTable): CostTable {
  const milliseconds = Object.fromEntries(
    Object.entries(costs.milliseconds).map(([name, values]) => [name, fittedLine(values)]),
  ) as unknown as CostTable['milliseconds'];
  return { ...costs, milliseconds };
}

/** Least squares over the levels from 1 up (0 is not measured), through at least 0. */
function fittedLine(values: readonly number[]): number[] {
  const measured = values.slice(1);
  const meanLevel = (measured.length + 1) / 2;
  const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length;
  const rise = measured.reduce((sum, value, i) => sum + (value - mean) * (i + 1 - meanLevel), 0);
  const run = measured.reduce((sum, _, i) => sum + (i + 1 - meanLevel) ** 2, 0);
  const slope = run > 0 ? Math.max(0, rise / run) : 0;
  return values.map((_, level) => Math.max(0, mean + slope * (level - meanLevel)));
}

let known: MachineModel | undefined;

/** The engine's default parameters on the server the defaults were measured on: for plans before anything is measured. */
export function defaultMachine(): MachineModel {
  known ??= machineOf(Parameters.from(bootstrapLiteral()), defaultCosts, 'default costs, N = 2^16');
  return known;
}

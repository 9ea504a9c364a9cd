import { CostError } from '../errors.ts';
import type { OperationCount, OperationName } from './operations.ts';

/** Measured processor milliseconds of every operation at levels 0, 1, ... on one machine. */
export interface CostTable {
  readonly logN: number;
  /** Of the parameters it was measured with. */
  readonly digest: string;
  /** Processor milliseconds of one limb transform there: what another machine's differs by, everything does. */
  readonly reference: number;
  readonly milliseconds: Readonly<Record<OperationName, readonly number[]>>;
}

/** Processor seconds of these operations by a table. @throws CostError for a level it does not have */
export function secondsOf(table: CostTable, operations: readonly OperationCount[]): number {
  return operations.reduce((sum, { operation, level, count }) => {
    const milliseconds = table.milliseconds[operation][level];
    if (milliseconds === undefined && count > 0)
      throw new CostError(`the cost table has no ${operation} at level ${level}: measure it for these parameters`);
    return sum + (count * (milliseconds ?? 0)) / 1000;
  }, 0);
}

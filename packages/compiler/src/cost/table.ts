import type { BootstrapPlan } from '@cipherformer/ckks';
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
  /** Limb transforms of the real bootstrap that was measured. */
  readonly bootstrapTransforms: number;
}

/** The table for a chain whose bootstraps have more or fewer limb transforms than those measured: their times follow. */
export function tableFor({ transforms }: BootstrapPlan, table: CostTable): CostTable {
  const { milliseconds, bootstrapTransforms } = table;
  const scaled = (values: readonly number[]) => values.map((value) => (value * transforms) / bootstrapTransforms);
  const { bootstrapReal, bootstrapPair } = milliseconds;
  return {
    ...table,
    milliseconds: { ...milliseconds, bootstrapReal: scaled(bootstrapReal), bootstrapPair: scaled(bootstrapPair) },
    bootstrapTransforms: transforms,
  };
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

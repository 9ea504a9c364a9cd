import type { OperationName } from './operations.ts';
import type { CostTable } from './table.ts';

/** Levels a table of the default parameters has: those up to the output of a bootstrap. */
const levels = 16;

/**
 * Processor milliseconds at level 0 and for each level above: straight lines through `measureCosts` (fastest of three runs,
 * AMD EPYC, two cores under load, kernels ifma, N = 2^16), bootstraps from the engine's benchmark.
 */
const lines: Readonly<Record<OperationName, readonly [base: number, perLevel: number]>> = {
  decompose: [1.1, 0.35],
  hoistedRotation: [1.2, 1.2],
  babyRotation: [0.6, 0.15],
  diagonal: [2, 0.65],
  periodicDiagonal: [0.4, 0.2],
  giantRotation: [1.5, 1.3],
  transformEnd: [1.2, 0.55],
  rotate: [1.8, 1.6],
  relinearise: [1.8, 1.6],
  rescale: [0.6, 0.42],
  tensor: [0.1, 0.1],
  scalar: [0.05, 0.07],
  encode: [1.2, 0.2],
  bootstrapReal: [2100, 0],
  bootstrapPair: [2700, 0],
};

/** Costs to plan with where none have been measured. They grow with the level, as the placement of bootstraps needs. */
export const defaultCosts: CostTable = {
  logN: 16,
  digest: 'b19e79df227edbb89b18d6dc1628c2d3bd37973e8df8de4b335cb3632d4781a6',
  reference: 0.148,
  milliseconds: Object.fromEntries(
    Object.entries(lines).map(([name, [base, perLevel]]) => [
      name,
      Array.from({ length: levels }, (_, level) => base + perLevel * level),
    ]),
  ) as unknown as CostTable['milliseconds'],
};

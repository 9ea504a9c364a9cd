import type { OperationName } from './operations.ts';
import type { CostTable } from './table.ts';

/** Levels a table of the default parameters has: those up to the output of a bootstrap. */
const levels = 16;

/**
 * Processor milliseconds at level 0 and for each level above, two threads together: straight lines through `measureCosts`
 * (fastest of three runs, AMD EPYC, two cores, kernels ifma, N = 2^16). Two threads wait for the same memory, so that an
 * operation costs more than on one. What is measured as a small difference (babyRotation, transformEnd, rescale, scalar)
 * is what one thread takes, times 1.4: the factor of whole linear transforms inside a run.
 */
const lines: Readonly<Record<OperationName, readonly [base: number, perLevel: number]>> = {
  decompose: [0.5, 0.85],
  hoistedRotation: [6, 1.05],
  babyRotation: [1, 0.3],
  diagonal: [3.7, 0.4],
  periodicDiagonal: [0.9, 0.08],
  levelDiagonal: [1.8, 0.25],
  giantRotation: [4, 1.75],
  transformEnd: [4, 0.76],
  rotate: [3, 2.05],
  relinearise: [2, 2],
  rescale: [0.8, 0.58],
  tensor: [0.1, 0.155],
  scalar: [0.07, 0.1],
  encode: [1.3, 0.18],
  bootstrapReal: [2550, 0],
  bootstrapPair: [3300, 0],
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
  bootstrapTransforms: 4022,
};

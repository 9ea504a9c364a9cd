import type { OperationName } from './operations.ts';
import type { CostTable } from './table.ts';

/** Levels a table of the default parameters has: those up to the output of a bootstrap. */
const levels = 16;

/**
 * Processor milliseconds at level 0 and for each level above, two threads together: straight lines through `measureCosts`
 * (fastest of ten runs, AMD EPYC with two threads on one core, both busy, kernels ifma, N = 2^16). Bootstraps are those of whole runs.
 * Whole runs of four models agree within 6 %: docs/decisions/0021.
 */
const lines: Readonly<Record<OperationName, readonly [base: number, perLevel: number]>> = {
  decompose: [0.05, 0.75],
  hoistedRotation: [4.4, 0.94],
  babyRotation: [1.2, 0.32],
  diagonal: [2.6, 0.34],
  periodicDiagonal: [0.31, 0.114],
  levelDiagonal: [1.13, 0.225],
  giantRotation: [3.5, 1.82],
  transformEnd: [4.45, 0.665],
  rotate: [3.4, 1.62],
  relinearise: [1, 1.66],
  rescale: [0.52, 0.46],
  tensor: [0.03, 0.114],
  scalar: [0.01, 0.063],
  encode: [0.59, 0.246],
  bootstrapReal: [1500, 0],
  bootstrapPair: [1940, 0],
};

/** Costs to plan with where none have been measured. They grow with the level, as the placement of bootstraps needs. */
export const defaultCosts: CostTable = {
  logN: 16,
  digest: 'aaf8356e3103e8b7abbd64cc1e48849be16a0d709e66e53d68070605f17477a6',
  // Of the transforms of docs/decisions/0024, where whole runs took what the lines say: MNIST 20.6 s for 20.0, CIFAR 31.8 for 35.3.
  reference: 0.066,
  milliseconds: Object.fromEntries(
    Object.entries(lines).map(([name, [base, perLevel]]) => [
      name,
      Array.from({ length: levels }, (_, level) => base + perLevel * level),
    ]),
  ) as unknown as CostTable['milliseconds'],
  bootstrapTransforms: 3670,
};

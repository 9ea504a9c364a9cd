import type { AblationCell, CellFigures } from './cell.ts';
import type { AblationRecipe, AblationVariant } from './recipe.ts';

/** A mean over seeds with its 95 % interval (Student's t); the interval is absent for one seed. */
export interface Estimate {
  readonly mean: number;
  readonly low?: number;
  readonly high?: number;
}

export interface AblationRow {
  readonly variant: AblationVariant;
  readonly cells: readonly AblationCell[];
  /** Every seed was converted to an end, with a figure that is a number, without a roll-back of training. */
  readonly stable: boolean;
  readonly failures: number;
  readonly rollbacks: number;
  /** Over the seeds that were converted; absent where none was. */
  readonly estimates?: Readonly<Record<Measure, Estimate>>;
  /** result - that of the base (axis "base") with the same seed; absent where no seed has both. */
  readonly againstBase?: Estimate;
}

const measures = ['result', 'gap', 'levels', 'outside', 'attention', 'mlp', 'variance'] as const;
export type Measure = (typeof measures)[number];

/** One row a variant, in the order of the recipe; variants without a cell are left out. */
export function summarise(ablation: AblationRecipe, cells: readonly AblationCell[]): AblationRow[] {
  const base = ablation.variants.find(({ axis }) => axis === 'base')?.name;
  const baseResults = new Map(
    cells.flatMap(({ variant, seed, figures }) => (variant === base && figures ? [[seed, figures.result]] : [])),
  );
  return ablation.variants.flatMap((variant) => {
    const own = cells.filter((cell) => cell.variant === variant.name);
    if (own.length === 0) return [];
    const finished = own.flatMap(({ figures }) => (figures ? [figures] : []));
    const rollbacks = finished.reduce((sum, { rollbacks: count }) => sum + count, 0);
    const failures = own.length - finished.length;
    const differences = own.flatMap(({ seed, figures }) => {
      const of = baseResults.get(seed);
      return figures && of !== undefined ? [figures.result - of] : [];
    });
    return [
      {
        variant,
        cells: own,
        stable: failures === 0 && rollbacks === 0 && finished.every(({ result }) => Number.isFinite(result)),
        failures,
        rollbacks,
        ...(finished.length > 0 ? { estimates: estimatesOf(finished) } : {}),
        ...(differences.length > 0 && variant.name !== base ? { againstBase: estimate(differences) } : {}),
      },
    ];
  });
}

function estimatesOf(finished: readonly CellFigures[]): Record<Measure, Estimate> {
  const entries = measures.map((name) => [name, estimate(finished.map((figures) => figures[name]))]);
  return Object.fromEntries(entries) as Record<Measure, Estimate>;
}

export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}

/** 97.5 % quantiles of Student's t for 1 to 12 degrees of freedom. */
const studentTable = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];

/** 97.5 % quantile; beyond the table by its expansion about the normal one (error below 0.001). */
export function studentQuantile(degrees: number): number {
  const z = 1.959964;
  const tabled = studentTable[degrees - 1];
  if (tabled !== undefined) return tabled;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
}

const columns = [
  'figure',
  'original',
  'result',
  'gap',
  'loss',
  'perplexity',
  'levels',
  'outside',
  'attention',
  'mlp',
  'variance',
  'rollbacks',
  'steps',
  'seconds',
] as const satisfies readonly (keyof CellFigures)[];

/** One line a cell (RFC 4180), numbers as they were measured. */
export function ablationCsv(ablation: AblationRecipe, cells: readonly AblationCell[]): string {
  const head = ['axis', 'variant', 'seed', 'trainingShare', 'limit', ...columns, 'failure'];
  const lines = cells.map(({ variant, seed, figures, failure }) => {
    const axis = ablation.variants.find(({ name }) => name === variant)!.axis;
    const numbers = columns.map((column) => figures?.[column] ?? '');
    return [axis, variant, seed, ablation.trainingShare, ablation.limit ?? '', ...numbers, failure ?? ''];
  });
  return `${[head, ...lines].map((line) => line.map(csvField).join(',')).join('\r\n')}\r\n`;
}

const csvField = (value: string | number): string =>
  typeof value === 'string' && /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value);

import type { SiteExtremes } from '../../evaluate/extremes.ts';
import type { SiteRange } from '../../evaluate/ranges.ts';
import type { ConversionRecipe } from '../recipe.ts';
import type { Converted } from '../substitution/architecture.ts';
import type { DegreeChoice } from '../substitution/degrees.ts';
import { polynomialLevels, polynomialsOf, type SitePolynomial, staysInside } from '../substitution/substitute.ts';
import type { CurvePoint } from '../training/stage-state.ts';
import type { ExportRecord } from './export.ts';
import type { TestOutcomes } from './outcomes.ts';
import type { PairedComparison } from './paired.ts';
import type { Robustness } from './robustness.ts';

/** Format of conversion.json: everything a report shows. */
export const conversionFormat = 'cipherformer-conversion/1';

/** A polynomial as it is used, and how far it was from the function it was fitted to. */
export interface PolynomialRecord {
  readonly low: number;
  readonly high: number;
  /** Chebyshev coefficients on [low, high], as they are now. */
  readonly coefficients: readonly number[];
  readonly degree: number;
  readonly levels: number;
  /** Of the fit: largest error on the interval, and root mean square over the observed inputs. Absent once trained. */
  readonly largestError?: number;
  readonly meanError?: number;
}

/** What a site sees after a stage, on calibration data (training examples). */
export interface SiteRecord {
  readonly name: string;
  readonly kind: SiteRange['kind'];
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  readonly quantiles: SiteRange['quantiles'];
  readonly histogram: SiteRange['histogram'];
  readonly polynomial?: PolynomialRecord;
}

export interface StageRecord {
  /** "original", the stage's name, or "stage/part". */
  readonly name: string;
  readonly change: string;
  /** False for a part of a stage that has more to come. */
  readonly complete: boolean;
  readonly steps: number;
  readonly seconds: number;
  readonly rollbacks: number;
  /** "accuracy", "natsPerCharacter" (lower is better), or of an encoder "cosine": the mean with the original's embeddings. */
  readonly figure: string;
  readonly validation: Readonly<Record<string, number>>;
  /** Read once, when the whole conversion is finished. */
  readonly test?: Readonly<Record<string, number>>;
  readonly curve: readonly CurvePoint[];
  readonly sites: readonly SiteRecord[];
  /** Of a substitution with a search: the Pareto front of degrees, by levels and loss. */
  readonly front?: readonly DegreeChoice[];
}

/** The stage that a row belongs to: "norms" for its part "norms/layers.0.norm1". */
export const stageName = (row: string): string => row.split('/')[0]!;

/** A row's figure on the splits that it was measured on, validation first; one that was not finite is in no record. */
export const figuresBySplit = ({ figure, validation, test }: StageRecord) =>
  Object.entries({ validation, test }).flatMap(([split, figures]) => {
    const value = figures?.[figure];
    return value === undefined ? [] : [{ split, value }];
  });

/** Unseen examples with a value outside an interval: at a site, and at any. */
export interface OutOfRange {
  readonly examples: number;
  readonly any: number;
  readonly sites: Readonly<Record<string, number>>;
}

/** A conversion before its model is written as a graph. */
export interface MeasuredConversion {
  readonly format: typeof conversionFormat;
  readonly name: string;
  /** The original trained on by the recipe without its changes: what conversions are compared with. */
  readonly control?: true;
  readonly recipe: ConversionRecipe;
  readonly machine: string;
  readonly parameters: number;
  readonly stages: readonly StageRecord[];
  /** Levels of the polynomials of each layer: {"layers.0": 2, ...}. */
  readonly levels: Readonly<Record<string, number>>;
  readonly outOfRange: { readonly validation: OutOfRange; readonly test: OutOfRange };
  /** Where the recipe trains on odd inputs. */
  readonly robustness?: Robustness;
  /** On the test set, for classifiers. */
  readonly paired?: PairedComparison;
  /** On the test set; records made before there were controls lack it. */
  readonly outcomes?: TestOutcomes;
  readonly seconds: number;
}

export interface ConversionRecord extends MeasuredConversion {
  readonly exported: ExportRecord;
}

const short = (value: number): number => Number(value.toPrecision(5));

/** The errors of a fit, by site. */
export type FitErrors = readonly (Pick<SitePolynomial, 'site'> &
  Pick<PolynomialRecord, 'largestError' | 'meanError'>)[];

/** Ranges and polynomials of a model as records. `fits` are the fits of this very stage, if there were any. */
export function siteRecords(model: Converted, ranges: readonly SiteRange[], fits: FitErrors): SiteRecord[] {
  const polynomials = polynomialsOf(model);
  return ranges.map((range) => {
    const { name, kind, min, max, mean, deviation, quantiles, histogram } = range;
    const part = polynomials.get(name);
    const made = fits.find(({ site }) => site === name);
    return {
      name,
      kind,
      min: short(min),
      max: short(max),
      mean: short(mean),
      deviation: short(deviation),
      quantiles,
      histogram,
      ...(part && {
        polynomial: {
          low: part.low,
          high: part.high,
          coefficients: part.coefficients,
          degree: part.coefficients.length - 1,
          levels: polynomialLevels(part.coefficients),
          ...(made?.largestError !== undefined && { largestError: made.largestError }),
          ...(made?.meanError !== undefined && { meanError: made.meanError }),
        },
      }),
    };
  });
}

/** Examples with a value outside the interval of a polynomial. */
export function countOutOfRange(model: Converted, seen: readonly SiteExtremes[]): OutOfRange {
  const polynomials = polynomialsOf(model);
  const sites: Record<string, number> = {};
  const outside = new Set<number>();
  let examples = 0;
  for (const site of seen) {
    const part = polynomials.get(site.name);
    if (!part) continue;
    examples = site.exampleMax.length;
    let count = 0;
    for (let i = 0; i < examples; i++) {
      if (staysInside(part, site, i)) continue;
      count += 1;
      outside.add(i);
    }
    sites[site.name] = count;
  }
  return { examples, any: outside.size, sites };
}

/** Levels of the polynomials by layer. */
export function levelsByLayer(model: Converted): Record<string, number> {
  const levels: Record<string, number> = {};
  for (const [site, { coefficients }] of polynomialsOf(model)) {
    const place = /^layers\.\d+/.exec(site)?.[0] ?? site;
    levels[place] = (levels[place] ?? 0) + polynomialLevels(coefficients);
  }
  return levels;
}

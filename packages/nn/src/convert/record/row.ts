import type { Converted } from '../substitution/architecture.ts';
import type { DegreeChoice } from '../substitution/degrees.ts';
import { withClamp } from '../substitution/substitute.ts';
import { type Conversion, evaluateOn, rangesOn } from '../training/conversion.ts';
import type { StageResult } from '../training/train-stage.ts';
import { type FitErrors, type StageRecord, siteRecords } from './record.ts';

/** Seconds since a moment of `performance.now`. */
const since = (moment: number): number => (performance.now() - moment) / 1000;

/** The first row: the model as it is given. */
export async function originalRow(conversion: Conversion): Promise<StageRecord> {
  const { original, recipe } = conversion;
  const started = performance.now();
  const { figure, result } = await evaluateOn(conversion, original, 'validation');
  return {
    name: 'original',
    change: '',
    complete: true,
    steps: 0,
    seconds: since(started),
    rollbacks: 0,
    figure,
    validation: result,
    curve: [],
    sites: siteRecords(original, await rangesOn(conversion, original, 'train', recipe.calibration), []),
  };
}

/** What was done in a part of a stage. */
export interface PartDone {
  readonly name: string;
  /** Whether the stage is complete with it: sites are measured then. */
  readonly last: boolean;
  readonly steps: number;
  readonly change: { readonly description: string; readonly fits: FitErrors; readonly front: readonly DegreeChoice[] };
  readonly trained: StageResult | undefined;
  /** When it began, by `performance.now`. */
  readonly started: number;
}

/** The row of a part: the model after it, nothing clamped, on validation data. */
export async function partRow(conversion: Conversion, model: Converted, part: PartDone): Promise<StageRecord> {
  const { change, trained } = part;
  const measured = withClamp(model, false);
  const { figure, result } = await evaluateOn(conversion, measured, 'validation');
  const ranges = part.last ? await rangesOn(conversion, measured, 'train', conversion.recipe.calibration) : [];
  return {
    name: part.name,
    change: change.description,
    complete: part.last,
    steps: part.steps,
    seconds: trained?.progress.seconds ?? since(part.started),
    rollbacks: trained?.progress.monitor.rollbacks ?? 0,
    figure,
    validation: result,
    curve: trained?.progress.curve ?? [],
    sites: siteRecords(measured, ranges, change.fits),
    ...(change.front.length > 0 ? { front: change.front } : {}),
  };
}

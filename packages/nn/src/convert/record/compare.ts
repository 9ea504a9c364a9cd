import { ConfigError } from '@cipherformer/model';
import { type ConversionRecipe, parseConversion } from '../recipe.ts';
import { type TestOutcomes, unpackBits } from './outcomes.ts';
import { bootstrapInterval, comparePaired, type PairedComparison, signFlipP } from './paired.ts';
import type { MeasuredConversion } from './record.ts';

/** The difference of two kinds of model on the same test examples, its mean over seeds. */
export interface GapEstimate {
  /** First minus second, in the figure's unit (a share of right answers, or nats a character). */
  readonly mean: number;
  /** 95 % interval: paired bootstrap over test examples, the seeds averaged. What seeds vary by is not in it. */
  readonly low: number;
  readonly high: number;
  /** The end of the interval that speaks against the first. */
  readonly unfavourable: number;
  /** Two-sided; McNemar's exact for one seed of a classifier, else by flips of the signs of single examples. */
  readonly p: number;
  /** The gap of each seed: their spread is what seeds vary by. */
  readonly bySeed: Readonly<Record<number, number>>;
}

export interface SeedComparison {
  readonly seed: number;
  /** The figure on test data; the original does not depend on the seed. */
  readonly polynomial: number;
  readonly continued?: number;
  /** For classifiers. */
  readonly toOriginal?: PairedComparison;
  readonly toContinued?: PairedComparison;
  /** Test examples with a value outside an interval, of 1,000. */
  readonly outsidePerThousand: number;
}

/** Conversions of one model by one recipe, over seeds, beside the original and the original trained on. */
export interface Comparison {
  readonly name: string;
  readonly figure: string;
  readonly lowerIsBetter: boolean;
  readonly examples: number;
  readonly original: number;
  readonly seeds: readonly SeedComparison[];
  /** Polynomial - original. */
  readonly toOriginal: GapEstimate;
  /** Polynomial - original continued, over the seeds that have a control. */
  readonly toContinued?: GapEstimate;
  /** Original continued - original: what more training gives by itself. */
  readonly continuation?: GapEstimate;
  /** The better of the two originals on test data: the gap to state is the one to it. */
  readonly reference: 'original' | 'continued';
}

/** How far the test figure of one original may lie from itself on another machine. */
const sameOriginal = 2e-3;

/**
 * Compares conversions (one a seed) with the original and, seed by seed, with controls.
 * @throws ConfigError where records are not of one model, recipe and test set, a seed occurs twice, a control has no
 * conversion of its seed, or a record keeps no outcomes of single examples
 */
export function compareConversions(
  conversions: readonly MeasuredConversion[],
  controls: readonly MeasuredConversion[],
): Comparison {
  const [first] = conversions;
  if (!first) throw new ConfigError('There is no conversion to compare: give at least one that is not a control.');
  checkComparable(first, [...conversions, ...controls]);
  const polynomials = bySeed(conversions, 'conversions');
  const continued = bySeed(controls, 'controls');
  for (const seed of continued.keys()) {
    if (!polynomials.has(seed)) {
      throw new ConfigError(`The control of seed ${seed} has no conversion of that seed: convert with that seed too.`);
    }
  }
  const { figure } = first.stages[0]!;
  const lowerIsBetter = figure === 'natsPerCharacter';
  const original = exampleValues(first, 'original');
  const gapOf = (pairs: ReadonlyMap<number, readonly [Values, Values]>) => estimateGap(pairs, lowerIsBetter);
  const against = (records: ReadonlyMap<number, MeasuredConversion>) =>
    new Map([...records].map(([seed, record]) => [seed, [exampleValues(record, 'result'), original] as const]));
  const toOriginal = gapOf(against(polynomials));
  const continuation = continued.size > 0 ? gapOf(against(continued)) : undefined;
  const pairs = [...continued].map(
    ([seed, control]) =>
      [seed, [exampleValues(polynomials.get(seed)!, 'result'), exampleValues(control, 'result')]] as const,
  );
  const better = continuation && (lowerIsBetter ? continuation.mean < 0 : continuation.mean > 0);
  return {
    name: first.name,
    figure,
    lowerIsBetter,
    examples: original.values.length,
    original: original.figure,
    seeds: [...polynomials].map(([seed, record]) => ofSeed(seed, record, continued.get(seed))),
    toOriginal,
    ...(continuation ? { toContinued: gapOf(new Map(pairs)), continuation } : {}),
    reference: better ? 'continued' : 'original',
  };
}

/** The figure of each example, in units that average to the figure of all. */
interface Values {
  readonly values: Float64Array;
  readonly figure: number;
}

/** The figure of each test example. @throws ConfigError where a record keeps none, or one is not finite */
export function exampleValues(record: MeasuredConversion, which: 'original' | 'result'): Values {
  const outcomes = outcomesOf(record);
  const values =
    outcomes.kind === 'right'
      ? Float64Array.from(unpackBits(outcomes[which], outcomes.examples), Number)
      : // A window stands for its share of the characters.
        Float64Array.from(outcomes[which], (nats) => (nats * outcomes.examples) / outcomes.characters);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ConfigError(
      `${describe(record)}: test window ${bad} of the ${which} has no finite loss, so there is no mean to compare.`,
    );
  }
  return { values, figure: values.reduce((sum, value) => sum + value, 0) / values.length };
}

function estimateGap(pairs: ReadonlyMap<number, readonly [Values, Values]>, lowerIsBetter: boolean): GapEstimate {
  const all = [...pairs.values()];
  const differences = new Float64Array(all[0]![0].values.length);
  for (const [first, second] of all) {
    for (let i = 0; i < differences.length; i++) differences[i]! += (first.values[i]! - second.values[i]!) / all.length;
  }
  const [low, high] = bootstrapInterval(differences);
  const [only] = all;
  const exact = all.length === 1 && !lowerIsBetter;
  const right = ({ values }: Values) => Array.from(values, (value) => value === 1);
  return {
    mean: differences.reduce((sum, value) => sum + value, 0) / differences.length,
    low,
    high,
    unfavourable: lowerIsBetter ? high : low,
    p: exact ? comparePaired(right(only![1]), right(only![0])).p : signFlipP(differences),
    bySeed: Object.fromEntries([...pairs].map(([seed, [a, b]]) => [seed, a.figure - b.figure])),
  };
}

function ofSeed(seed: number, record: MeasuredConversion, control: MeasuredConversion | undefined): SeedComparison {
  const outcomes = outcomesOf(record);
  const { any, examples } = record.outOfRange.test;
  const paired = (reference: TestOutcomes, which: 'original' | 'result') =>
    outcomes.kind === 'right' && reference.kind === 'right'
      ? comparePaired(unpackBits(reference[which], reference.examples), unpackBits(outcomes.result, outcomes.examples))
      : undefined;
  const toOriginal = paired(outcomes, 'original');
  const toContinued = control && paired(outcomesOf(control), 'result');
  return {
    seed,
    polynomial: exampleValues(record, 'result').figure,
    ...(control ? { continued: exampleValues(control, 'result').figure } : {}),
    ...(toOriginal ? { toOriginal } : {}),
    ...(toContinued ? { toContinued } : {}),
    outsidePerThousand: examples > 0 ? (1000 * any) / examples : 0,
  };
}

function outcomesOf(record: MeasuredConversion): TestOutcomes {
  if (record.outcomes) return record.outcomes;
  throw new ConfigError(
    `${describe(record)} keeps no outcomes of single test examples: an earlier version made it. Run its convert command ` +
      'again in its folder; finished stages are not trained again.',
  );
}

/** @throws ConfigError where records are not of the model, recipe and test examples of the first */
export function checkComparable(first: MeasuredConversion, records: readonly MeasuredConversion[]): void {
  const recipe = unseeded(first.recipe);
  const { kind, examples } = outcomesOf(first);
  const { figure } = exampleValues(first, 'original');
  for (const record of records) {
    const fail = (what: string): never => {
      throw new ConfigError(`${describe(record)} does not go with ${describe(first)}: ${what}. Compare them apart.`);
    };
    if (record.name !== first.name) fail('it is of another model');
    if (unseeded(record.recipe) !== recipe) fail('its recipe differs in more than the seed');
    const outcomes = outcomesOf(record);
    if (outcomes.kind !== kind || outcomes.examples !== examples) fail('its test examples are others');
    const difference = Math.abs(exampleValues(record, 'original').figure - figure);
    if (difference > sameOriginal * Math.max(1, Math.abs(figure))) fail('its original answers otherwise');
  }
}

/** Parsed, so that options added to recipes since count with their defaults. */
const unseeded = (recipe: ConversionRecipe): string =>
  JSON.stringify({ ...parseConversion(recipe, `recipe ${recipe.name}`), seed: 0 });

function bySeed(records: readonly MeasuredConversion[], what: string): Map<number, MeasuredConversion> {
  const result = new Map<number, MeasuredConversion>();
  for (const record of [...records].sort((a, b) => a.recipe.seed - b.recipe.seed)) {
    const { seed } = record.recipe;
    if (result.has(seed)) throw new ConfigError(`Two ${what} have seed ${seed}: give each once.`);
    result.set(seed, record);
  }
  return result;
}

const describe = ({ name, recipe, control }: MeasuredConversion): string =>
  `the ${control ? 'control' : 'conversion'} of ${name}, seed ${recipe.seed}`;

import type { ConversionRecipe } from '../recipe.ts';
import { exampleValues } from './compare.ts';
import { accuracyLost, type Evidence, meanDifference, shareOf } from './evidence.ts';
import { type MeasuredConversion, type StageRecord, stageName } from './record.ts';

/** What a conversion may cost: models converted by chosen and hand-made recipes stayed within it (docs/results.md). */
export const promised = {
  /** Accuracy below the original's, as a share. */
  accuracy: 0.013,
  /** Nats above the original's: a perplexity of x 1.03. */
  natsPerCharacter: Math.log(1.03),
  /** Share of test examples, and of inputs unlike any training example, with a value outside. */
  outside: 1 / 1000,
  oddOutside: 1 / 100,
} as const;

/** One way in which a conversion is worse than promised, where it comes from, and what to try. */
export interface Shortfall {
  readonly what: 'accuracy' | 'natsPerCharacter' | 'outside' | 'oddOutside';
  readonly measured: number;
  readonly promised: number;
  /** What the test examples say of it; absent where there are no outcomes of single ones. */
  readonly evidence?: Evidence;
  /** The stage after which the figure was worst by comparison with the one before, and by how much. */
  readonly stage?: { readonly name: string; readonly loss: number };
  /** The site that most examples leave. */
  readonly site?: string;
  /** What to try, the most likely first. */
  readonly advice: readonly string[];
}

/** A figure that looks worse than promised, on too few test examples to tell. */
export type Undecided = Pick<Shortfall, 'what' | 'measured' | 'promised'> & { readonly evidence: Evidence };

/**
 * In which ways a conversion is worse than promised, where the test examples are enough to say so: the whole 95 % interval is.
 * Figures are of the test part.
 */
export const shortfalls = (record: MeasuredConversion): Shortfall[] =>
  lapses(record).filter((lapse) => !isUndecided(lapse));

/** In which ways a conversion may be worse than promised, or not: more test examples would tell. */
export const undecided = (record: MeasuredConversion): Undecided[] =>
  lapses(record).filter(isUndecided).map(({ what, measured, promised: limit, evidence }) => ({ what, measured, promised: limit, evidence })); // biome-ignore format: short

const isUndecided = (lapse: Shortfall): lapse is Shortfall & Undecided =>
  lapse.evidence !== undefined && lapse.evidence.interval[0] <= lapse.promised;

/** Everything measured that is worse than promised, whether or not that says anything. */
function lapses(record: MeasuredConversion): Shortfall[] {
  const { outOfRange, robustness } = record;
  const { any, examples, sites } = outOfRange.test;
  return [
    ...worseFigure(record),
    ...outside('outside', any, examples, worstSite(sites)),
    ...(robustness ? outside('oddOutside', robustness.outside, robustness.examples) : []),
  ];
}

function worseFigure(record: MeasuredConversion): Shortfall[] {
  const { stages, recipe } = record;
  const complete = stages.filter((row) => row.complete);
  const [first, last] = [complete[0]!, complete.at(-1)!];
  const what = first.figure;
  if (what !== 'accuracy' && what !== 'natsPerCharacter') return [];
  const cost = (from: StageRecord, to: StageRecord, split: 'validation' | 'test') => {
    const [before, after] = [from[split]?.[what], to[split]?.[what]];
    if (before === undefined || after === undefined) return undefined;
    return what === 'accuracy' ? before - after : after - before;
  };
  const measured = cost(first, last, 'test') ?? cost(first, last, 'validation');
  if (measured === undefined || measured <= promised[what]) return [];
  // Stages are compared on validation, on which all of them were measured while the recipe could still be changed.
  const losses = complete
    .slice(1)
    .map((row, i) => ({ name: stageName(row.name), loss: cost(complete[i]!, row, 'validation') ?? 0 }));
  const stage = losses.reduce((worst, each) => (each.loss > worst.loss ? each : worst));
  const evidence = evidenceOf(record, what);
  const advice = adviceFor(stage.name, recipe);
  return [{ what, measured, promised: promised[what], ...(evidence ? { evidence } : {}), stage, advice }];
}

/** What single test examples say of a loss; undefined where none were kept, or one alone. */
function evidenceOf(record: MeasuredConversion, what: 'accuracy' | 'natsPerCharacter'): Evidence | undefined {
  if (what === 'accuracy') return record.paired && accuracyLost(record.paired, promised.accuracy);
  if (record.outcomes?.kind !== 'nats' || record.outcomes.examples < 2) return undefined;
  const [before, after] = [exampleValues(record, 'original'), exampleValues(record, 'result')];
  return meanDifference(after.values.map((value, i) => value - before.values[i]!), promised.natsPerCharacter); // biome-ignore format: short
}

/** A stage's own remedy, then what helps all of them. */
function adviceFor(name: string, recipe: ConversionRecipe): string[] {
  const stage = recipe.stages.find((each) => each.name === name);
  const more = `more "epochs" in the stage "${name}" of the recipe, or more hours for all stages`;
  switch (stage?.change?.kind) {
    case 'attention':
      return [more, 'a smaller weight of the stage on ranges ("losses": { "range" })'];
    case 'freeze-norms':
    case 'batch-norms':
      return [
        more,
        'a smaller "learningRate" in this stage',
        'leave the stage out: each LayerNorm then costs levels of its own',
      ];
    case 'substitute':
      return [more, 'more degrees to choose from ("attention": [2, 4], "mlp": [3, 7]): one or two levels a layer'];
    default:
      return [more, 'a smaller weight on ranges ("losses": { "range", "variance" }) or wider "limits"'];
  }
}

const outside = (what: 'outside' | 'oddOutside', hits: number, examples: number, site?: string): Shortfall[] =>
  hits <= promised[what] * examples
    ? []
    : [
        {
          what,
          measured: hits / examples,
          promised: promised[what],
          evidence: shareOf(hits, examples, promised[what]),
          ...(site === undefined ? {} : { site }),
          advice: [
            'more "epochs" in the last stage, where large weights lie on what leaves its range',
            what === 'outside'
              ? 'hard examples there ("hard": { "pool": 0.01, "share": 0.125 }), or a larger "margin" of the intervals'
              : 'a larger share of odd inputs in every batch ("odd": 0.25)',
          ],
        },
      ];

const worstSite = (sites: Readonly<Record<string, number>>): string | undefined =>
  Object.entries(sites).reduce<[string, number] | undefined>(
    (worst, each) => (each[1] > (worst?.[1] ?? 0) ? each : worst),
    undefined,
  )?.[0];

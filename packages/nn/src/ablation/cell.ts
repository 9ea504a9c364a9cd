import type { MeasuredConversion, SiteRecord } from '../convert/record/record.ts';
import { UnstableTrainingError } from '../errors.ts';
import type { SiteRange } from '../evaluate/ranges.ts';

/** The numbers of one conversion that an ablation compares. */
export interface CellFigures {
  /** "accuracy" (higher is better) or "natsPerCharacter" (lower is), on test data. */
  readonly figure: string;
  readonly original: number;
  readonly result: number;
  /** result - original. */
  readonly gap: number;
  /** Cross-entropy on test data (classifiers): exploding outliers show here before they do in the accuracy. */
  readonly loss?: number;
  /** exp of the nats per token, for language models. */
  readonly perplexity?: number;
  /** Levels of all polynomials together. */
  readonly levels: number;
  /** Share of test examples with a value outside an interval. */
  readonly outside: number;
  /** Largest |value| at attention and MLP activations and largest variance, after the last stage; at most a float32's. */
  readonly attention: number;
  readonly mlp: number;
  readonly variance: number;
  readonly rollbacks: number;
  readonly steps: number;
  readonly seconds: number;
}

/** One variant with one seed. */
export interface AblationCell {
  readonly variant: string;
  readonly seed: number;
  /** Absent when the conversion failed. */
  readonly figures?: CellFigures;
  /** Why it failed: training that diverged, or ranges that no polynomial covers. */
  readonly failure?: string;
}

/** @throws UnstableTrainingError where the figure of the result is not finite */
export function cellFigures({ stages, levels, outOfRange }: MeasuredConversion): CellFigures {
  const first = stages[0]!;
  const last = stages.at(-1)!;
  const { figure } = first;
  const test = last.test!;
  const original = first.test![figure]!;
  const result = test[figure];
  if (result === undefined)
    throw new UnstableTrainingError(
      `Its ${figure} on test data is not finite: an example explodes on its way through the layers.`,
    );
  const sum = (of: (row: (typeof stages)[number]) => number) => stages.reduce((total, row) => total + of(row), 0);
  return {
    figure,
    original,
    result,
    gap: result - original,
    ...(test.loss === undefined ? {} : { loss: test.loss }),
    ...(test.natsPerToken === undefined ? {} : { perplexity: Math.exp(test.natsPerToken) }),
    levels: Object.values(levels).reduce((a, b) => a + b, 0),
    outside: outOfRange.test.examples > 0 ? outOfRange.test.any / outOfRange.test.examples : 0,
    attention: largest(last.sites, 'attention-activation'),
    mlp: largest(last.sites, 'mlp-activation'),
    variance: largest(last.sites, 'norm-variance'),
    rollbacks: sum(({ rollbacks }) => rollbacks),
    steps: sum(({ steps }) => steps),
    seconds: sum(({ seconds }) => seconds),
  };
}

/** What overflowed counts as the largest float32: JSON has no infinity. */
const largestFloat = (2 - 2 ** -23) * 2 ** 127;

const largest = (sites: readonly SiteRecord[], wanted: SiteRange['kind']): number => {
  const own = sites.filter(({ kind }) => kind === wanted);
  return Math.min(largestFloat, Math.max(0, ...own.flatMap(({ min, max }) => [Math.abs(min), Math.abs(max)])));
};

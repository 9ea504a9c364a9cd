import { ConfigError } from '@cipherformer/model';
import { problems, shown } from '@cipherformer/model/untrusted';
import { conversionFormat, type MeasuredConversion } from '@cipherformer/nn';
import { z } from 'zod';

// The shape of conversion.json as far as reports and comparisons use it. Fields that releases added are optional, and
// more of them do no harm.

const number = z.number();
/** What was not finite (a trained model went astray, then back) is null in JSON. */
const measured = number.nullable();
const figures = z.record(z.string(), number);

const site = z.looseObject({
  ...{ name: z.string(), kind: z.string(), min: measured, max: measured, mean: measured, deviation: measured },
  quantiles: z.looseObject({ low4: measured, low2: measured, median: measured, high2: measured, high4: measured }),
  histogram: z.looseObject({ low: measured, high: measured, counts: z.array(number) }),
  polynomial: z
    .looseObject({
      ...{ low: number, high: number, coefficients: z.array(number).min(1), degree: number, levels: number },
      ...{ largestError: number.optional(), meanError: number.optional() },
    })
    .optional(),
});

const stage = z.looseObject({
  ...{ name: z.string(), change: z.string(), complete: z.boolean(), steps: number, seconds: number, rollbacks: number },
  ...{ figure: z.string(), validation: figures, test: figures.optional() },
  curve: z.array(z.looseObject({ step: number, loss: measured, learningRate: measured })),
  sites: z.array(site),
  front: z.array(z.looseObject({ levels: number, loss: number, degrees: figures })).optional(),
});

const outOfRange = z.looseObject({ examples: z.int().min(0), any: z.int().min(0), sites: figures });
const examples = z
  .int()
  .min(1)
  .max(2 ** 26);

const schema = z.looseObject({
  format: z.literal(conversionFormat),
  name: z.string(),
  control: z.literal(true).optional(),
  recipe: z.looseObject({
    ...{
      name: z.string(),
      description: z.string().optional(),
      seed: number,
      data: z.looseObject({ kind: z.string() }).optional(),
    },
    stages: z.array(
      z.looseObject({
        ...{ name: z.string(), description: z.string().optional() },
        change: z.looseObject({ kind: z.enum(['attention', 'batch-norms', 'freeze-norms', 'substitute']) }).optional(),
        train: z.looseObject({ epochs: number }).optional(),
      }),
    ),
  }),
  ...{ machine: z.string(), parameters: number, seconds: number },
  stages: z.array(stage).min(1),
  levels: figures,
  outOfRange: z.looseObject({ validation: outOfRange, test: outOfRange }),
  robustness: z
    .looseObject({
      ...{
        examples,
        outside: z.int().min(0),
        agree: z.int().min(0),
        largestLogit: number,
        originalLargestLogit: number,
      },
      forms: z.record(z.string(), z.looseObject({ examples: z.int().min(0), outside: z.int().min(0) })),
    })
    .optional(),
  paired: z.looseObject({ examples: number, onlyOriginal: number, onlyPolynomial: number, p: number }).optional(),
  outcomes: z
    .union([
      z.looseObject({ kind: z.literal('right'), examples, original: z.base64(), result: z.base64() }),
      z.looseObject({
        ...{ kind: z.literal('nats'), examples, characters: number.positive() },
        ...{ original: z.array(measured), result: z.array(measured) },
      }),
    ])
    .optional(),
});

const exported = z.looseObject({
  exported: z.looseObject({
    levels: z.looseObject({ total: number, parts: z.array(z.looseObject({ name: z.string(), levels: number })) }),
    logitDifference: number,
  }),
});

/**
 * A record of this version's format, from parsed JSON; one that is no control has its export.
 * @throws ConfigError for anything else
 */
export function parseRecord<Kind extends MeasuredConversion>(json: unknown, file: string): Kind {
  const { format, control } = (typeof json === 'object' && json !== null ? json : {}) as Partial<MeasuredConversion>;
  if (format !== conversionFormat)
    throw new ConfigError(`${file} is of format ${shown(format)}, not ${conversionFormat}: convert again.`);
  const parsed = (control === true ? schema : schema.and(exported)).safeParse(json);
  if (!parsed.success)
    throw new ConfigError(
      `${file} is no record of a conversion: it was changed or damaged.\n${problems(parsed.error, json)}`,
    );
  // Checked, and kept as it stands: the schema names less than the type.
  return json as Kind;
}

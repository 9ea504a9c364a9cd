import { existsSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import type { MachineDescription } from '../measure/machine.ts';
import { type EvaluationFacts, type ExampleResult, type Summary, summarise } from './result.ts';
import { compareWithTargets, type Target } from './targets.ts';

/** A whole evaluation, as the file of results holds it. */
export interface EncryptedEvaluation extends EvaluationFacts {
  readonly machine: MachineDescription;
  /** The commit that was measured ("+": with changes), null outside a checkout. */
  readonly commit: string | null;
  readonly examples: readonly ExampleResult[];
  readonly summary: Summary;
  readonly targets: readonly Target[];
}

export type MeasuredWith = Pick<EncryptedEvaluation, 'machine' | 'commit'>;

export function evaluationOf(
  facts: EvaluationFacts,
  measuredWith: MeasuredWith,
  examples: readonly ExampleResult[],
): EncryptedEvaluation {
  const summary = summarise(examples, facts.outputSizes);
  return { ...measuredWith, ...facts, summary, targets: compareWithTargets(summary, facts), examples };
}

// JSON has no NaN, which a model in clear can give outside its intervals.
const numbers = z.array(
  z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
);
const schema = z.object({
  identity: z.string(),
  keyBytes: z.strictObject({ predicted: z.number(), measured: z.number() }),
  examples: z.array(
    z.strictObject({
      index: z.int(),
      label: z.int(),
      original: numbers,
      polynomial: numbers,
      simulated: numbers,
      encrypted: z.strictObject({
        logits: numbers,
        trusted: z.boolean(),
        reason: z.string().exactOptional(),
        wallSeconds: z.number(),
        cpuSeconds: z.number(),
        systemSeconds: z.number(),
        predictedCpuSeconds: z.number(),
        peakRssBytes: z.number(),
      }),
      outside: z.boolean(),
    }),
  ),
});
export type EarlierResults = z.infer<typeof schema>;

/**
 * What an earlier run left in a file; undefined where there is none.
 * @throws UsageError for results of something else, or of examples that are not asked now
 */
export function readEarlierResults(
  file: string,
  identity: string,
  asked: readonly number[],
): EarlierResults | undefined {
  if (!existsSync(file)) return undefined;
  const json = readJson(file);
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new UsageError(
      `${file} holds no results to go on from: choose another --out.\n${problems(parsed.error, json)}`,
    );
  const { data } = parsed;
  if (data.identity !== identity)
    throw new UsageError(
      `${file} holds results of another model, program, data set or choice of examples: choose another --out.`,
    );
  const extra = data.examples.filter(({ index }) => !asked.includes(index));
  if (extra.length > 0)
    throw new UsageError(
      `${file} holds ${data.examples.length} examples, more than are asked: give --encrypted ${data.examples.length}, or another --out.`,
    );
  return data;
}

/** Complete or not at all, after every example: an interrupted evaluation goes on from there. */
export function writeResults(file: string, evaluation: EncryptedEvaluation): void {
  writeAtomically(file, `${JSON.stringify(evaluation)}\n`);
}

import { dirname, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import { readJson } from '@cipherformer/model/files';
import { problems } from '@cipherformer/model/untrusted';
import { generateGreedy, loadModel, modelPath, parseData } from '@cipherformer/nn';
import { z } from 'zod';
import { type FigureOptions, figuresOf } from './figures.ts';

const suiteSchema = z.strictObject({
  description: z.string().default(''),
  checks: z.array(
    z.union([
      z.strictObject({
        name: z.string(),
        model: z.string(),
        data: z.string(),
        split: z.enum(['train', 'validation', 'test']),
        limit: z.int().positive().optional(),
        stride: z.int().positive().optional(),
        figure: z.string(),
        expected: z.number(),
        tolerance: z.number().min(0),
      }),
      z.strictObject({
        name: z.string(),
        model: z.string(),
        prompt: z.array(z.int().min(0)).min(1),
        expectedTokens: z.array(z.int().min(0)).min(2),
      }),
    ]),
  ),
});
type Check = z.infer<typeof suiteSchema>['checks'][number];

/** A stated figure, or stated tokens, and what was found. */
export interface CheckResult {
  readonly name: string;
  readonly stated: string;
  readonly measured: string;
  readonly agrees: boolean;
}

/** How a suite is run. */
export interface SuiteOptions extends Omit<FigureOptions, 'data' | 'split' | 'limit' | 'stride'> {
  /** The name of a check before it is run. */
  readonly note?: (name: string) => void;
}

/**
 * Runs a suite: models whose figures, or whose greedy continuation of a prompt, are stated. Paths inside it are relative to its
 * file; data and weights to `root`.
 * @throws UsageError for a file that is no suite, or a figure that a model does not have; errors of reading models and data
 */
export async function runSuite(file: string, options: SuiteOptions): Promise<CheckResult[]> {
  const json = readJson(file);
  const parsed = suiteSchema.safeParse(json);
  if (!parsed.success) throw new UsageError(`${file} is not a suite:\n${problems(parsed.error, json)}`);
  const results: CheckResult[] = [];
  for (const check of parsed.data.checks) {
    options.note?.(check.name);
    results.push(await runCheck(check, dirname(file), options));
  }
  return results;
}

async function runCheck(check: Check, folder: string, options: SuiteOptions): Promise<CheckResult> {
  const { name } = check;
  const model = join(folder, check.model);
  if ('prompt' in check) {
    const { config, weights } = loadModel(model, options.root);
    const count = check.expectedTokens.length - check.prompt.length;
    const ids = await generateGreedy(config, weights, check.prompt, count);
    const [stated, measured] = [check.expectedTokens, ids].map((tokens) => tokens.join(' ')) as [string, string];
    return { name, stated, measured, agrees: stated === measured };
  }
  const { split, limit, stride, figure, expected, tolerance } = check;
  const set = join(folder, check.data);
  const data = parseData(readJson(set), set);
  const { figures } = await figuresOf(modelPath(model), { ...options, data, split, limit, stride });
  const value = figures[figure];
  if (value === undefined) throw new UsageError(`"${figure}" is not a figure of ${name}.`);
  const agrees = Math.abs(value - expected) <= tolerance;
  return { name, stated: `${expected}`, measured: `${Number(value.toPrecision(6))}`, agrees };
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { examplesOutside } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel, readJson } from '@cipherformer/model/files';
import { problems } from '@cipherformer/model/untrusted';
import {
  type ClassificationResult,
  type DataConfig,
  evaluateModel,
  evaluatePolynomialModel,
  generateGreedy,
  type LanguageResult,
  loadModel,
  type Model,
  parseData,
} from '@cipherformer/nn';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { modelPath } from '../door/load-model.ts';
import { loadDataFor, loadDataForPolynomial } from '../evaluate/data.ts';
import { type EncryptedVerbOptions, evaluateEncryptedVerb } from '../evaluate/verb.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { startStages } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface EvalOptions extends EncryptedVerbOptions {
  readonly set?: string;
  readonly limit?: number;
  readonly batch?: number;
  readonly stride?: number;
  readonly attention?: 'uniform';
  readonly suite?: string;
}

/** `cipherformer eval <model>`: a model's figures on a data set, or a suite of checks against stated figures. */
export function registerEval(program: Command, security: SecurityOptions): void {
  program
    .command('eval')
    .description('Evaluate a model on a data set, or a suite of models against stated results')
    .argument('[model]', 'model folder, run folder, or adapter recipe (.json)')
    .requiredOption('--data <folder>', 'the folder that data (and weight) paths start from')
    .option('--set <file>', 'a recipe or data file (JSON) that describes the data; default: the recipe of the run')
    .addOption(new Option('--split <name>').choices(['train', 'validation', 'test']).default('test'))
    .option('--limit <n>', 'only the first n examples (windows of a language model)', positiveInteger)
    .option('--batch <n>', 'examples at a time', positiveInteger)
    .option('--stride <n>', 'tokens by which language-model windows advance (default: half a window)', positiveInteger)
    .addOption(
      new Option('--attention <kind>', 'replace attention: uniform shows what the model does without it').choices([
        'uniform',
      ]),
    )
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--suite <file>', 'a list of checks (JSON) instead of a model')
    .option('--encrypted <n>', 'ask a polynomial model n examples encrypted, and three forms in clear', positiveInteger)
    .option('--original <folder>', 'with --encrypted: the trained model that the polynomial one was made from')
    .addOption(
      new Option('--order <kind>', 'with --encrypted: classes in turn, or as in the file').choices(['spread', 'file']),
    )
    .option('--seed <n>', 'with --encrypted: of the choice of examples (default: 1)', seedNumber)
    .option('--offset <k>', 'with --encrypted: pass over the first k examples of the choice', seedNumber)
    .option('--program <folder>', 'with --encrypted: a compiled program of the model (default: compiled now)')
    .option('--keys <folder>', 'with --encrypted: what keygen wrote (default: keys made now, in memory)')
    .option('--out <file>', 'with --encrypted: results (JSON) as they come; the same command goes on from it')
    .option('--json', 'JSON on stdout')
    .action(async (path: string | undefined, options: EvalOptions) => {
      checkTogether(options);
      if (options.suite !== undefined) return runSuite(options.suite, options);
      if (path === undefined) throw new UsageError('Give a model (folder or adapter recipe), or --suite.');
      const { encrypted } = options;
      if (encrypted !== undefined)
        return evaluateEncryptedVerb(
          modelPath(path),
          dataOf(modelPath(path), options),
          { ...options, encrypted },
          security,
        );
      if (isPolynomialModel(modelPath(path))) return evaluatePolynomial(path, options);
      const result = await evaluateOne(path, options);
      const figures = numbers(result);
      print(options.json, {
        value: { model: path, split: options.split, ...figures },
        text: () => renderTable(['figure', 'value'], rows(figures)),
        next: `cipherformer convert ${path} --recipe <conversion recipe> --data ${options.data}`,
      });
    });
}

const encryptedOptions = ['original', 'order', 'seed', 'offset', 'program', 'keys', 'out'] as const;
const otherOptions = ['limit', 'batch', 'stride', 'attention', 'suite'] as const;

/** Options of one kind of evaluation say nothing in another: better refused than ignored. */
function checkTogether(options: EvalOptions): void {
  const [names, verdict] =
    options.encrypted === undefined
      ? [encryptedOptions, 'needs --encrypted <n>']
      : [otherOptions, 'does not go with --encrypted'];
  const given = names.find((name) => options[name] !== undefined);
  if (given) throw new UsageError(`--${given} ${verdict}.`);
}

const rows = (figures: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(6))]);

function numbers(result: ClassificationResult | LanguageResult): Record<string, number> {
  return Object.fromEntries(
    Object.entries(result).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

function dataOf(folder: string, options: EvalOptions): DataConfig {
  const set = options.set ?? join(dirname(folder), 'recipe.json');
  if (!existsSync(set)) throw new UsageError(`There is no ${set}: say with --set which data to evaluate on.`);
  return parseData(readJson(set), set);
}

/** The same figures of a polynomial model in clear, and what left the intervals of its polynomials. */
async function evaluatePolynomial(path: string, options: EvalOptions): Promise<void> {
  const folder = modelPath(path);
  if (options.attention) throw new UsageError('--attention replaces attention in models that are not polynomial yet.');
  const { split, limit, stride } = options;
  const model = loadPolynomialModel(folder);
  const data = await loadDataForPolynomial(model, dataOf(folder, options), options.data);
  const stages = startStages();
  const { result, values, untrusted } = await evaluatePolynomialModel(model, data[split], {
    ...(limit === undefined ? {} : { limit }),
    ...(stride === undefined ? {} : { stride }),
    progress: stages.update,
  }).finally(stages.stop);
  const figures = { ...numbers(result), examplesOutsideAnInterval: untrusted };
  const sites = values.sites
    .map((site) => ({
      name: site.name,
      interval: site.interval,
      low: site.low,
      high: site.high,
      outside: examplesOutside(site),
    }))
    .filter(({ outside }) => outside > 0);
  const short = (value: number) => Number(value.toPrecision(4));
  const table = sites.map(({ name, interval, low, high, outside }) => [
    name,
    `[${interval.map(short).join(', ')}]`,
    `[${short(low)}, ${short(high)}]`,
    outside,
  ]);
  const outside =
    sites.length === 0 ? [] : [renderTable(['outside its interval', 'interval', 'values', 'examples'], table)];
  print(options.json, {
    value: { model: path, split, ...figures, outside: sites },
    text: () => [renderTable(['figure', 'value'], rows(figures)), ...outside].join('\n'),
    next: `cipherformer compile ${path} --out program`,
  });
}

async function evaluateOne(path: string, options: EvalOptions): Promise<ClassificationResult | LanguageResult> {
  const folder = modelPath(path);
  const config = dataOf(folder, options);
  const loaded = loadModel(folder, options.data);
  const model: Model =
    options.attention === 'uniform'
      ? { ...loaded, config: { ...loaded.config, attention: { ...loaded.config.attention, kind: 'uniform' } } }
      : loaded;
  const data = await loadDataFor(folder, config, options.data);
  const stages = startStages();
  return evaluateModel(model, data[options.split], {
    threads: options.threads,
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.batch === undefined ? {} : { batch: options.batch }),
    ...(options.stride === undefined ? {} : { stride: options.stride }),
    progress: stages.update,
  }).finally(stages.stop);
}

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

interface CheckResult {
  readonly name: string;
  readonly stated: string;
  readonly measured: string;
  readonly agrees: boolean;
}

/** Paths inside a suite are relative to its file; data and weights to --data. */
async function runSuite(file: string, options: EvalOptions): Promise<void> {
  const json = readJson(file);
  const parsed = suiteSchema.safeParse(json);
  if (!parsed.success) throw new UsageError(`${file} is not a suite:\n${problems(parsed.error, json)}`);
  const results: CheckResult[] = [];
  for (const check of parsed.data.checks) {
    process.stderr.write(`${check.name} ...\n`);
    results.push(await runCheck(check, dirname(file), options));
  }
  const table = results.map((r) => [r.name, r.stated, r.measured, r.agrees ? 'yes' : 'NO']);
  const wrong = results.filter((result) => !result.agrees);
  print(options.json, {
    value: { checks: results },
    text: () => renderTable(['check', 'stated', 'measured', 'agrees'], table),
    shortfall: wrong.length > 0 ? `${wrong.length} of ${results.length} checks fell short.` : undefined,
  });
}

async function runCheck(check: Check, folder: string, options: EvalOptions): Promise<CheckResult> {
  const model = join(folder, check.model);
  if ('prompt' in check) {
    const { config, weights } = loadModel(model, options.data);
    const count = check.expectedTokens.length - check.prompt.length;
    const ids = await generateGreedy(config, weights, check.prompt, count);
    const agrees = ids.join() === check.expectedTokens.join();
    return { name: check.name, stated: check.expectedTokens.join(' '), measured: ids.join(' '), agrees };
  }
  const { limit, stride, split } = check;
  const result = await evaluateOne(model, {
    ...options,
    set: join(folder, check.data),
    split,
    ...(limit === undefined ? {} : { limit }),
    ...(stride === undefined ? {} : { stride }),
  });
  const value = numbers(result)[check.figure];
  if (value === undefined) throw new UsageError(`"${check.figure}" is not a figure of ${check.name}.`);
  const agrees = Math.abs(value - check.expected) <= check.tolerance;
  return { name: check.name, stated: `${check.expected}`, measured: `${Number(value.toPrecision(6))}`, agrees };
}

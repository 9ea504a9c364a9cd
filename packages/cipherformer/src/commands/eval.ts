import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { isPolynomialModel, readJson } from '@cipherformer/model/files';
import { type DataConfig, modelPath, parseData } from '@cipherformer/nn';
import { type Command, Option } from 'commander';
import { figuresOf } from '../evaluate/figures.ts';
import { runSuite } from '../evaluate/suite.ts';
import { figureTables, suiteTable } from '../evaluate/tables.ts';
import { type EncryptedVerbOptions, evaluateEncryptedVerb } from '../evaluate/verb.ts';
import { commandLine } from '../terminal/command-line.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

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
    .action((path: string | undefined, options: EvalOptions) => evaluate(path, options, security));
}

async function evaluate(path: string | undefined, options: EvalOptions, security: SecurityOptions): Promise<void> {
  checkTogether(options);
  const { encrypted, suite, data: root, split, json } = options;
  if (suite !== undefined) return checkSuite(suite, options);
  if (path === undefined) throw new UsageError('Give a model (folder or adapter recipe), or --suite.');
  const folder = modelPath(path);
  const data = dataOf(folder, options);
  if (encrypted !== undefined) return evaluateEncryptedVerb(folder, data, { ...options, encrypted }, security);
  const { figures, outside } = await withStages(
    'stopping after these examples; an evaluation in clear is not kept',
    (signal, { update }) => figuresOf(folder, { ...options, data, root, progress: update, signal }),
  );
  print(json, {
    value: { model: path, split, ...figures, ...(outside ? { outside } : {}) },
    text: () => figureTables(figures, outside),
    next: isPolynomialModel(folder)
      ? commandLine`cipherformer compile ${path} --out program`
      : commandLine`cipherformer convert ${path} --recipe <conversion recipe> --data ${root}`,
  });
}

async function checkSuite(file: string, { data: root, json, ...options }: EvalOptions): Promise<void> {
  const checks = await withStages('stopping after these examples; results of a suite are not kept', (signal, stages) =>
    runSuite(file, { ...options, root, signal, progress: stages.update, note: (name) => stages.note(`${name} ...`) }),
  );
  const wrong = checks.filter(({ agrees }) => !agrees);
  print(json, {
    value: { checks },
    text: () => suiteTable(checks),
    shortfall: wrong.length > 0 ? `${wrong.length} of ${checks.length} checks fell short.` : undefined,
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

function dataOf(folder: string, options: EvalOptions): DataConfig {
  const set = options.set ?? join(dirname(folder), 'recipe.json');
  if (!existsSync(set)) throw new UsageError(`There is no ${set}: say with --set which data to evaluate on.`);
  return parseData(readJson(set), set);
}

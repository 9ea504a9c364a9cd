import { extname } from 'node:path';
import {
  type Constraint,
  catalogue,
  fit,
  type Interval,
  search,
  type TargetOptions,
  toTarget,
} from '@cipherformer/approx';
import { given, UsageError } from '@cipherformer/base';
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import { loadDensity, loadFunction, loadTable } from '../approximations/files.ts';
import { approximationReport, approximationTables } from '../approximations/tables.ts';
import { approximationPlot } from '../plots/approximation-plot.ts';
import { renderSvg, savePlot } from '../plots/render.ts';
import { commandLine, typedAgain } from '../terminal/command-line.ts';
import { seedNumber as fromZero, positiveNumber } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';

const methods = ['minimax', 'interpolation', 'truncation', 'least-squares'] as const;

interface Options {
  readonly interval?: Interval[];
  readonly degree?: number;
  readonly error?: number;
  readonly levels?: number;
  readonly maxDegree?: number;
  readonly method?: (typeof methods)[number];
  readonly relative?: boolean;
  readonly weight?: string;
  readonly density?: string;
  readonly fix?: Constraint[];
  readonly plot?: string;
  readonly json?: boolean;
}

/** `cipherformer approx`: a polynomial (or composition, or iteration) for a function, with its certificate and cost. */
export function registerApprox(program: Command): void {
  program
    .command('approx')
    .description('Approximate a function by additions and multiplications, with a certified error and a cost in levels.')
    .argument('<fn>', 'a name (see below), an expression in x, a table (.csv: x,y) or a module (.js, .mjs: default export)')
    .option('-i, --interval <a,b>', 'where it has to hold; repeat for several intervals', collectInterval)
    .option('-d, --degree <d>', 'fit one polynomial of this degree', fromZero)
    .option('-e, --error <e>', 'search for the fewest levels with at most this error', positiveNumber)
    .option('-l, --levels <k>', 'search for the least error within this many levels', fromZero)
    .option('--max-degree <d>', 'largest single polynomial a search tries (255)', fromZero)
    .addOption(new Option('--method <name>', 'how, with --degree').choices(methods))
    .option('--relative', 'measure the relative error instead of the absolute one')
    .option('--weight <file>', 'table x,weight (.csv): minimise weight * error')
    .option('--density <file>', 'observed inputs (.csv): one sample a line, or x,count at the middle of equal bins')
    .option('--fix <x[=value]>', 'make the polynomial exact at x, or equal to value there; repeatable', collectFix)
    .option('--plot <file.svg>', 'draw function, approximation and error')
    .option('--json', 'print the approximation as JSON instead of a table')
    .addHelpText(
      'after',
      `\nFunctions:\n${catalogue.map(({ name, about }) => `  ${name.padEnd(11)} ${about}`).join('\n')}\n
Examples:
  cipherformer approx gelu --interval -6,6 --degree 15 --plot gelu.svg
  cipherformer approx rsqrt --interval 0.001,300 --error 1e-3 --relative
  cipherformer approx sign --interval -1,-0.01 --interval 0.01,1 --error 1e-3
  cipherformer approx "x*sigmoid(1.702*x)" --interval -8,8 --levels 4`,
    )
    .action(approximate);
} // biome-ignore format: options

async function approximate(fn: string, options: Options, verb: Command): Promise<void> {
  const { interval, degree, error: maxError, levels: maxLevels, maxDegree, method, fix: constraints, plot } = options;
  if (interval === undefined)
    throw new UsageError('say where the function is to be approximated, for example --interval -6,6');
  const searching = maxError !== undefined || maxLevels !== undefined;
  if (searching === (degree !== undefined)) throw new UsageError('give either --degree, or --error and/or --levels');
  if (searching && (method || constraints))
    throw new UsageError('--method and --fix go with --degree: a search chooses its own methods');
  if (plot !== undefined && extname(plot).toLowerCase() !== '.svg')
    throw new UsageError(`--plot ${plot}: plots are SVG, so give a name that ends in .svg`);
  const target = toTarget(await loadFunction(fn));
  const weight = options.weight === undefined ? undefined : await loadTable(options.weight);
  const common: TargetOptions = {
    fn: target,
    interval,
    ...(options.relative && { error: 'relative' as const }),
    ...(weight && { weight }),
    ...(options.density !== undefined && { density: await loadDensity(options.density) }),
  };
  const started = performance.now();
  const found =
    degree === undefined
      ? search({ ...common, ...given({ maxError, maxLevels, maxDegree }) })
      : { best: fit({ ...common, degree, ...given({ method, constraints }) }), front: [] };
  note(pc.dim(`done in ${((performance.now() - started) / 1000).toFixed(2)} s`));
  if (plot !== undefined) {
    await savePlot(plot, await renderSvg(approximationPlot(found.best, target, weight?.value)));
    note(`plot written to ${plot}`);
  }
  print(options.json, {
    value: approximationReport(found),
    text: () => approximationTables(found),
    next:
      plot === undefined ? typedAgain(verb, [], commandLine`--plot <file.svg> (shows where the error is)`) : undefined,
  });
}

function numberFrom(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

function collectInterval(text: string, before: Interval[] | undefined): Interval[] {
  const ends = text.split(',').map(numberFrom);
  if (ends.length !== 2 || !ends.every(Number.isFinite))
    throw new UsageError(`--interval ${text} is not two numbers: write for example --interval -6,6`);
  return [...(before ?? []), [ends[0]!, ends[1]!]];
}

function collectFix(text: string, before: Constraint[] | undefined): Constraint[] {
  const [x, value, ...rest] = text.split('=').map(numberFrom);
  if (rest.length > 0 || !Number.isFinite(x) || (value !== undefined && !Number.isFinite(value)))
    throw new UsageError(`--fix ${text} is not a point: write --fix 0 or --fix 0=0.5`);
  return [...(before ?? []), value === undefined ? { x: x! } : { x: x!, value }];
}

import { readFile, writeFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Approximation,
  type Constraint,
  catalogue,
  type Density,
  densityFromHistogram,
  densityFromSamples,
  type FunctionInput,
  fit,
  type Interval,
  parseTable,
  search,
  type TargetFunction,
  type TargetOptions,
  tableFunction,
  toJSON,
  toTarget,
} from '@cipherformer/approx';
import { UsageError } from '@cipherformer/base';
import type { Command } from 'commander';
import pc from 'picocolors';
import { approximationPlot } from '../plots/approximation-plot.ts';
import { renderSvg } from '../plots/render.ts';
import { renderTable } from '../terminal/table.ts';

interface Options {
  readonly interval?: Interval[];
  readonly degree?: number;
  readonly error?: number;
  readonly levels?: number;
  readonly maxDegree?: number;
  readonly method?: 'minimax' | 'interpolation' | 'truncation' | 'least-squares';
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
    .description(
      'Approximate a function by additions and multiplications, with a certified error and a cost in levels.',
    )
    .argument(
      '<fn>',
      'a name (see below), an expression in x, a table (.csv: x,y) or a module (.js, .mjs: default export)',
    )
    .option('-i, --interval <a,b>', 'where it has to hold; repeat for several intervals', collectInterval)
    .option('-d, --degree <d>', 'fit one polynomial of this degree', wholeNumber('--degree'))
    .option('-e, --error <e>', 'search for the fewest levels with at most this error', positive('--error'))
    .option('-l, --levels <k>', 'search for the least error within this many levels', wholeNumber('--levels'))
    .option('--max-degree <d>', 'largest single polynomial a search tries (255)', wholeNumber('--max-degree'))
    .option('--method <name>', 'minimax, interpolation, truncation or least-squares (with --degree)', method)
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
    .action(run);
}

async function run(fn: string, options: Options): Promise<void> {
  if (options.interval === undefined)
    throw new UsageError('say where the function is to be approximated, for example --interval -6,6');
  const searching = options.error !== undefined || options.levels !== undefined;
  if (searching === (options.degree !== undefined))
    throw new UsageError('give either --degree, or --error and/or --levels');
  if (searching && (options.method || options.fix))
    throw new UsageError('--method and --fix go with --degree: a search chooses its own methods');
  const target = toTarget(await loadFunction(fn));
  if (options.plot !== undefined && extname(options.plot).toLowerCase() !== '.svg')
    throw new UsageError(`--plot ${options.plot}: plots are SVG, so give a name that ends in .svg`);
  const weight = options.weight === undefined ? undefined : await loadTable(options.weight);
  const common: TargetOptions = {
    fn: target,
    interval: options.interval,
    ...(options.relative && { error: 'relative' as const }),
    ...(weight && { weight }),
    ...(options.density !== undefined && { density: await loadDensity(options.density) }),
  };
  const started = performance.now();
  const { best, front } = searching
    ? search({
        ...common,
        ...(options.error !== undefined && { maxError: options.error }),
        ...(options.levels !== undefined && { maxLevels: options.levels }),
        ...(options.maxDegree !== undefined && { maxDegree: options.maxDegree }),
      })
    : single(
        fit({
          ...common,
          degree: options.degree!,
          ...(options.method && { method: options.method }),
          ...(options.fix && { constraints: options.fix }),
        }),
      );
  process.stderr.write(`${pc.dim(`done in ${((performance.now() - started) / 1000).toFixed(2)} s`)}\n`);
  if (options.plot !== undefined) {
    await savePlot(options.plot, await renderSvg(approximationPlot(best, target, weight?.value)));
    process.stderr.write(`plot written to ${options.plot}\n`);
  }
  process.stdout.write(options.json ? `${JSON.stringify(report(best, front), null, 2)}\n` : describe(best, front));
}

async function savePlot(path: string, svg: string): Promise<void> {
  try {
    await writeFile(path, svg);
  } catch (error) {
    throw new UsageError(`the plot cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function single(best: Approximation): { readonly best: Approximation; readonly front: readonly Approximation[] } {
  return { best, front: [] };
}

async function loadFunction(text: string): Promise<FunctionInput> {
  const kind = extname(text).toLowerCase();
  if (kind === '.csv') return loadTable(text);
  if (kind !== '.js' && kind !== '.mjs') return text;
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(text)).href);
  } catch (error) {
    throw new UsageError(`${text} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof module.default !== 'function')
    throw new UsageError(`${text} has no default export that is a function: write "export default (x) => ..."`);
  return { name: text, value: module.default as (x: number) => number, breakpoints: [], poles: [] };
}

async function loadText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function loadTable(path: string): Promise<TargetFunction> {
  const { xs, ys } = parseTable(await loadText(path), path);
  return tableFunction(xs, ys, path);
}

/** One number a line are samples; two are the middles of equal bins and their counts. */
async function loadDensity(path: string): Promise<Density> {
  const text = await loadText(path);
  const first = text.split(/\r?\n/).find((line) => /^\s*[-+.\d]/.test(line)) ?? '';
  if (!/[-+.\de]\s*[,;\t ]\s*[-+.\d]/i.test(first.trim())) {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    return densityFromSamples(lines.filter((line) => line !== '' && !line.startsWith('#')).map(Number));
  }
  const { xs, ys } = parseTable(text, path);
  if (xs.length < 2) throw new UsageError(`${path} holds one bin only: give at least two, or samples one a line`);
  const half = (xs[xs.length - 1]! - xs[0]!) / (xs.length - 1) / 2;
  return densityFromHistogram([...xs.map((x) => x - half), xs[xs.length - 1]! + half], ys);
}

function summary(a: Approximation) {
  return { method: a.method, description: a.description, cost: a.cost, error: a.certificate.error.bound };
}

function report(best: Approximation, front: readonly Approximation[]) {
  return { approximation: toJSON(best), cost: best.cost, front: front.map(summary) };
}

function describe(a: Approximation, front: readonly Approximation[]): string {
  const { certificate: c, cost } = a;
  const e = (v: number) => v.toExponential(3);
  // Bounds are rounded up: shown smaller than they are they would be wrong.
  const bound = (v: number) => {
    const unit = 10 ** (Math.floor(Math.log10(v)) - 3);
    return v > 0 ? e(Math.ceil(v / unit - 1e-9) * unit) : '0';
  };
  const at = (v: number | null) => (v === null ? 'nowhere' : v.toPrecision(5));
  const where = `${a.functionName} on ${a.domain.map(([lo, hi]) => `[${lo}, ${hi}]`).join(' and ')}`;
  const rows: [string, string][] = [];
  const kind = c.errorKind === 'absolute' ? 'error' : `${c.errorKind} error`;
  const how =
    c.error.method === 'proved'
      ? 'proved between the samples'
      : `from adaptive samples with safety ${c.error.safety}, not a proof`;
  rows.push(
    ['approximation', `${a.method}, ${a.description}`],
    [pc.bold(`largest ${kind}`), pc.bold(`${bound(c.error.bound)}  (${how})`)],
    ['  largest seen', `${e(c.error.measured)} at x = ${c.error.measuredAt.toPrecision(6)}`],
  );
  if (c.optimum !== undefined)
    rows.push(['  best possible', `${e(c.optimum)}, ${c.alternation.length} alternation points`]);
  if (c.errorKind !== 'absolute') rows.push(['largest absolute error', bound(c.absolute.bound)]);
  if (c.density)
    rows.push([
      'mean error over inputs',
      `${e(c.density.rms)} (rms), ${(100 * c.density.outside).toFixed(2)} % of inputs outside`,
    ]);
  rows.push(
    [pc.bold('levels'), pc.bold(`${cost.levels}`)],
    ['ciphertext products', `${cost.ciphertextMultiplications} (${cost.squarings} squarings)`],
    ['plaintext products', `${cost.plaintextMultiplications}`],
    ['conditioning', c.conditioning.toPrecision(3)],
    ['value doubles beyond', `${at(c.growth.left.doublesAt)} and ${at(c.growth.right.doublesAt)}`],
    ['value explodes beyond', `${at(c.growth.left.explodesAt)} and ${at(c.growth.right.explodesAt)}`],
    ['constants rounded to', c.rounding.map((r) => `${r.scaleBits} bits: ${e(r.change)}`).join('   ')],
  );
  for (const note of c.notes) rows.push(['note', note]);
  return `${renderTable(['function', where], rows)}\n${coefficients(a)}${front.length > 0 ? `\n${frontTable(a, front)}\n` : ''}`;
}

/** More than these would push the table off the screen. */
const shownCoefficients = 24;

function coefficients({ polynomial }: Approximation): string {
  if (polynomial === undefined) return 'The program is in the JSON form (--json).\n';
  const list = polynomial.coefficients.map((v, j) => [j, v] as const).filter(([, v]) => v !== 0);
  const [lo, hi] = polynomial.interval;
  const lines = list.slice(0, shownCoefficients).map(([j, v]) => `  T${String(j).padEnd(4)} ${v < 0 ? '' : ' '}${v}`);
  return `Chebyshev coefficients on [${lo}, ${hi}]${list.length < polynomial.degree ? ' (the others are 0)' : ''}:\n${lines.join('\n')}\n${list.length > shownCoefficients ? `  ... ${list.length - shownCoefficients} more in the JSON form (--json)\n` : ''}`;
}

function frontTable(best: Approximation, front: readonly Approximation[]): string {
  return renderTable(
    ['levels', 'products', 'error', 'how', ''],
    front.map((a) => [
      a.cost.levels,
      a.cost.ciphertextMultiplications,
      (a.certificate.density?.rms ?? a.certificate.error.bound).toExponential(2),
      `${a.method}, ${a.description}`,
      a === best ? 'chosen' : '',
    ]),
  );
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

function wholeNumber(option: string): (text: string) => number {
  return (text) => {
    const value = numberFrom(text);
    if (!Number.isInteger(value) || value < 0)
      throw new UsageError(`${option} ${text} is not a whole number from 0 on`);
    return value;
  };
}

function positive(option: string): (text: string) => number {
  return (text) => {
    const value = numberFrom(text);
    if (!(value > 0 && Number.isFinite(value)))
      throw new UsageError(`${option} ${text} is not a positive number: write for example ${option} 1e-3`);
    return value;
  };
}

function method(text: string): NonNullable<Options['method']> {
  const known = ['minimax', 'interpolation', 'truncation', 'least-squares'] as const;
  const found = known.find((name) => name === text);
  if (found === undefined) throw new UsageError(`--method ${text} is not known: use ${known.join(', ')}`);
  return found;
}

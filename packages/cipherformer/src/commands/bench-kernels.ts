import { UsageError } from '@cipherformer/base';
import { type BuildName, buildNames, type Kernels, listBuilds, loadKernels } from '@cipherformer/ckks';
import type { Command } from 'commander';
import { boundOf, derivation, multiplyRate, type StreamRates, streamRates } from '../bench/bounds.ts';
import { KernelBench, type KernelCase } from '../bench/kernel-cases.ts';
import { type MeasureOptions, measure } from '../measure/measure.ts';
import { type BenchReport, type BenchResult, machineLine, startReport } from '../measure/report.ts';
import { formatSeconds, startBar } from '../terminal/progress.ts';
import { enableRelaxedSimd } from '../terminal/relaxed-simd.ts';
import { renderTable } from '../terminal/table.ts';

interface KernelResult extends BenchResult {
  /** What the times are for: one limb of the call, or the whole call. */
  readonly per: 'limb' | 'call';
  /** Limbs in the call. */
  readonly limbs: number;
  /** Least bytes to read and write for that unit, and how many a second. */
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** Time of the bound for that unit, and which of the two it is. */
  readonly boundMs: number;
  readonly boundBy: 'arithmetic' | 'memory';
  /** boundMs / wallMs: 1 is perfect. */
  readonly share: number;
}

interface KernelReport extends BenchReport<KernelResult> {
  /** How the bounds follow from rates measured in the same run. */
  readonly bounds: readonly string[];
}

interface Options {
  readonly json?: boolean;
  readonly builds?: string;
  readonly logN: string;
  readonly threads: string;
  readonly quick?: boolean;
}

/** `cipherformer bench kernels`: microseconds of every kernel operation, per build, thread count and ring. */
export function registerBenchKernels(bench: Command): void {
  bench
    .command('kernels')
    .description('Time every kernel operation, and compare it with what multiplier and memory allow')
    .option('--builds <names>', `which builds, of ${buildNames.join(',')} (default: all that run here)`)
    .option('--log-n <list>', 'ring dimensions as powers of two', '13,16')
    .option('--threads <list>', 'thread counts (WebAssembly has one)', '1,2')
    .option('--quick', 'a few samples each: for a first look')
    .option('--json', 'JSON on stdout')
    .action(async (options: Options) => {
      enableRelaxedSimd();
      const report = await benchKernels(
        await selectBuilds(options.builds),
        wholeNumbers('--log-n', options.logN, 5, 17),
        wholeNumbers('--threads', options.threads, 1, 256),
        options.quick ? { sampleMs: 1, budgetMs: 30, minSamples: 3 } : {},
      );
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 1)}\n` : describe(report));
    });
}

function wholeNumbers(option: string, list: string, least: number, most: number): number[] {
  return list.split(',').map((text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new UsageError(`${option} takes whole numbers from ${least} to ${most} separated by commas, not "${text}"`);
    }
    return value;
  });
}

async function selectBuilds(list: string | undefined): Promise<BuildName[]> {
  const statuses = await listBuilds();
  if (list === undefined) return statuses.filter(({ usable }) => usable).map(({ name }) => name);
  return list.split(',').map((text) => {
    const status = statuses.find(({ name }) => name === text);
    if (!status) throw new UsageError(`there is no build "${text}": choose of ${buildNames.join(', ')}`);
    if (!status.usable) throw new UsageError(`the ${text} build does not run here: ${status.reason}`);
    return status.name;
  });
}

interface Plan {
  readonly kernels: Kernels;
  readonly threads: number;
  readonly logN: number;
}

async function plans(
  builds: readonly BuildName[],
  logNs: readonly number[],
  threads: readonly number[],
): Promise<Plan[]> {
  const list: Plan[] = [];
  for (const build of builds) {
    const kernels = await loadKernels({ build, threads: 1 });
    const counts = build.startsWith('wasm') ? [1] : threads;
    for (const logN of logNs) for (const count of counts) list.push({ kernels, threads: count, logN });
  }
  return list;
}

async function benchKernels(
  builds: readonly BuildName[],
  logNs: readonly number[],
  threads: readonly number[],
  options: MeasureOptions,
): Promise<KernelReport> {
  const finish = startReport<KernelResult>();
  const list = await plans(builds, logNs, threads);
  const fastest = await loadKernels({ build: builds[0], threads: 1 });
  const results: KernelResult[] = [];
  const bounds = new Map<BuildName, { rate: number; text: string }>();
  const streams = new Map<string, StreamRates>();
  const bar = startBar('bench kernels', list.length);
  const started = performance.now();
  list.forEach(({ kernels, threads: count, logN }, done) => {
    const elapsed = (performance.now() - started) / 1000;
    const left = done === 0 ? Number.NaN : (elapsed / done) * (list.length - done);
    bar.update(done, `${kernels.build} N = 2^${logN}, ${count} threads, ${formatSeconds(left)} left`);
    kernels.threads = 1;
    let bound = bounds.get(kernels.build);
    if (!bound) {
      const rate = multiplyRate(kernels, options);
      bound = { rate, text: derivation(kernels.build, rate) };
      bounds.set(kernels.build, bound);
    }
    fastest.threads = count; // native builds share their threads
    kernels.threads = count;
    const key = `${logN}/${count}`;
    let stream = streams.get(key);
    if (!stream) {
      stream = streamRates(fastest, logN, options);
      streams.set(key, stream);
    }
    using bench = new KernelBench(kernels, logN);
    const run = (c: KernelCase) => results.push(resultOf(c, kernels, count, 2 ** logN, bound.rate, stream, options));
    if (count === 1) for (const c of bench.limbCases(1)) run(c);
    for (const c of bench.limbCases(24)) run(c);
    for (const c of bench.callCases()) run(c);
  });
  bar.update(list.length, '');
  bar.stop();
  return {
    ...finish(results),
    bounds: [...[...bounds.values()].map(({ text }) => text), ...streamLines(streams, fastest.build)],
  };
}

function resultOf(
  c: KernelCase,
  kernels: Kernels,
  threads: number,
  n: number,
  multiplies: number,
  stream: StreamRates,
  options: MeasureOptions,
): KernelResult {
  const timing = measure(() => c.run(), options);
  const rates = { multiplies, stream: stream[c.residence] };
  const { arithmeticMs, memoryMs } = boundOf(c.work, kernels.build, n, threads, rates);
  const boundMs = Math.max(arithmeticMs, memoryMs);
  const bytes = 8 * n * c.work.limbsMoved;
  return {
    name: c.name,
    build: kernels.build,
    threads,
    n,
    wallMs: timing.wallMs / c.units,
    cpuMs: timing.cpuMs / c.units,
    bestMs: timing.bestMs / c.units,
    samples: timing.samples,
    per: c.per,
    limbs: c.limbs,
    bytes: bytes / c.units,
    bytesPerSecond: Math.round(bytes / (timing.wallMs / 1000)),
    boundMs: boundMs / c.units,
    boundBy: arithmeticMs >= memoryMs ? 'arithmetic' : 'memory',
    share: boundMs / timing.wallMs,
  };
}

function streamLines(streams: ReadonlyMap<string, StreamRates>, build: BuildName): string[] {
  const gb = (rate: number) => `${(rate / 1e9).toFixed(1)} GB/s`;
  return [...streams].map(([key, { hot, many, large }]) => {
    const [logN, threads] = key.split('/');
    return (
      `memory, N = 2^${logN}, ${threads} threads: c = a + b by ${build} moves ${gb(hot)} on one hot limb, ` +
      `${gb(many)} on 24 limbs, ${gb(large)} on operands of 128 MiB (three words an element)`
    );
  });
}

function describe(report: KernelReport): string {
  const rows = report.results.map((r) => [
    r.name,
    r.build,
    r.threads,
    `2^${Math.log2(r.n)}`,
    (1000 * r.wallMs).toFixed(1),
    (1000 * r.cpuMs).toFixed(1),
    r.per,
    (r.bytesPerSecond / 1e9).toFixed(1),
    `${(100 * r.share).toFixed(0)}% ${r.boundBy}`,
  ]);
  const head = ['operation', 'build', 'threads', 'N', 'wall us', 'cpu us', 'per', 'GB/s', 'of bound'];
  return `${machineLine(report.machine)}, commit ${report.commit}\n${renderTable(head, rows)}\n${report.bounds.join('\n')}\n`;
}

import { setImmediate } from 'node:timers/promises';
import { type OnProgress, UsageError } from '@cipherformer/base';
import { type BuildName, buildNames, type Kernels, listBuilds, loadKernels } from '@cipherformer/ckks';
import { type MeasureOptions, measure } from '../measure/measure.ts';
import { type BenchReport, type BenchResult, machineLine, startReport } from '../measure/report.ts';
import { renderTable } from '../terminal/table.ts';
import { boundOf, derivation, multiplyRate, type StreamRates, streamRates } from './bounds.ts';
import { KernelBench, type KernelCase } from './kernel-cases.ts';

export interface KernelResult extends BenchResult {
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

export interface KernelReport extends BenchReport<KernelResult> {
  /** How the bounds follow from rates measured in the same run. */
  readonly bounds: readonly string[];
}

/** What is measured, and how long. */
export interface KernelBenchOptions extends MeasureOptions {
  /** Default: all that run here. */
  readonly builds?: readonly string[];
  /** Ring dimensions, as powers of two. */
  readonly logNs: readonly number[];
  /** Thread counts; WebAssembly has one. */
  readonly threads: readonly number[];
  readonly progress?: OnProgress;
  /** Looked at between builds, rings and thread counts. */
  readonly signal?: AbortSignal;
}

/**
 * Times every kernel operation, by build, thread count and ring, and compares it with what multiplier and memory allow.
 * @throws UsageError for a build that is unknown, or does not run here; the signal's reason
 */
export async function benchKernels(options: KernelBenchOptions): Promise<KernelReport> {
  const { logNs, threads, progress, signal } = options;
  const builds = await selectBuilds(options.builds);
  const finish = startReport<KernelResult>();
  const list = await plans(builds, logNs, threads);
  const fastest = await loadKernels({ build: builds[0], threads: 1 });
  const results: KernelResult[] = [];
  const bounds = new Map<BuildName, { rate: number; text: string }>();
  const streams = new Map<string, StreamRates>();
  const total = list.length;
  for (const [done, { kernels, threads: count, logN }] of list.entries()) {
    progress?.({ what: 'bench kernels', done, total, detail: `${kernels.build} N = 2^${logN}, ${count} threads` });
    await setImmediate();
    signal?.throwIfAborted();
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
  }
  progress?.({ what: 'bench kernels', done: total, total });
  return {
    ...finish(results),
    bounds: [...[...bounds.values()].map(({ text }) => text), ...streamLines(streams, fastest.build)],
  };
}

async function selectBuilds(names: readonly string[] | undefined): Promise<BuildName[]> {
  const statuses = await listBuilds();
  if (names === undefined) return statuses.filter(({ usable }) => usable).map(({ name }) => name);
  return names.map((text) => {
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

/** The report for a person. */
export function kernelTable(report: KernelReport): string {
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
  return `${machineLine(report.machine)}, commit ${report.commit}\n${renderTable(head, rows)}\n${report.bounds.join('\n')}`;
}

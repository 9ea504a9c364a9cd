import { UsageError } from '@cipherformer/base';
import { type Ciphertext, loadKernels, Slab, type Work, workOf } from '@cipherformer/ckks';
import type { Command } from 'commander';
import {
  BootstrapBench,
  CkksBench,
  operationCases,
  operationLevel,
  precisionInputs,
  type Span,
  span,
  uniform,
} from '../bench/ckks-cases.ts';
import { measure } from '../measure/measure.ts';
import { peakMemoryBytes, resetPeakMemory } from '../measure/peak-memory.ts';
import { type BenchReport, type BenchResult, machineLine, startReport } from '../measure/report.ts';
import { type Bar, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface CkksResult extends BenchResult {
  readonly level?: number;
  readonly slots?: number;
  /** cpuMs as a multiple of one hot forward limb NTT of the same build, in the same run. */
  readonly nttMultiple?: number;
  /** Counted, not estimated: limb NTTs and key switches of one run. */
  readonly transforms?: number;
  readonly keySwitches?: number;
  readonly levelsLeft?: number;
  readonly precisionMeanBits?: number;
  readonly precisionMinBits?: number;
  readonly precision?: Readonly<Record<string, { readonly meanBits: number; readonly minBits: number }>>;
  readonly keyBytes?: number;
  readonly wireKeyBytes?: number;
  readonly plaintextBytes?: number;
  readonly peakRssBytes?: number;
  readonly log2FailureProbability?: number;
}

interface CkksReport extends BenchReport<CkksResult> {
  readonly parameters: ReturnType<CkksBench['describe']>;
}

interface Options {
  readonly json?: boolean;
  readonly threads: string;
  readonly runs: string;
  readonly only?: string;
}

/** One way to bootstrap: timed on random values, its precision taken on several inputs. */
interface BootstrapCase {
  readonly kind: 'real' | 'complex' | 'pair';
  refresh(input: Ciphertext): Ciphertext;
}

const sections = ['bootstrap', 'sparse', 'operations'] as const;

/** `cipherformer bench ckks`: encryption, operations and bootstrapping at 128-bit security, N = 2^16. */
export function registerBenchCkks(bench: Command): void {
  bench
    .command('ckks')
    .description('Time encryption, operations and bootstrapping at 128-bit security (N = 2^16; 7 GiB, minutes)')
    .option('--threads <list>', 'thread counts of the bootstraps and operations', '1,2')
    .option('--runs <count>', 'bootstraps to take the median of', '5')
    .option('--only <sections>', `of ${sections.join(',')}`)
    .option('--json', 'JSON on stdout')
    .action(async (options: Options) => {
      const report = await benchCkks(
        threadCounts(options.threads),
        wholeNumber('--runs', options.runs),
        chosen(options.only),
      );
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 1)}\n` : describe(report));
    });
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 256)
    throw new UsageError(`${option} takes whole numbers from 1 to 256, not "${text}"`);
  return value;
}

const threadCounts = (list: string) => list.split(',').map((text) => wholeNumber('--threads', text));

function chosen(list: string | undefined): ReadonlySet<string> {
  const names = list?.split(',') ?? [...sections];
  const wrong = names.find((name) => !sections.some((section) => section === name));
  if (wrong !== undefined) throw new UsageError(`--only takes ${sections.join(', ')}, not "${wrong}"`);
  return new Set(names);
}

/** Lines of the report to come: key generation and set-up once, everything else for each thread count. */
function stepCount(only: ReadonlySet<string>, threadCounts: number): number {
  const lines = { bootstrap: 2 + 3 * threadCounts, sparse: 2 + threadCounts, operations: 15 * threadCounts };
  return sections.reduce((sum, section) => sum + (only.has(section) ? lines[section] : 0), 0);
}

async function benchCkks(threads: readonly number[], runs: number, only: ReadonlySet<string>): Promise<CkksReport> {
  const finish = startReport<CkksResult>();
  const kernels = await loadKernels({ threads: Math.max(...threads) });
  using bench = new CkksBench(kernels);
  const runner = new Runner(bench, threads, runs, stepCount(only, threads.length));
  if (only.has('bootstrap')) runner.bootstraps(bench.parameters.maxSlots);
  if (only.has('sparse')) runner.bootstraps(2 ** 12);
  if (only.has('operations')) runner.operations();
  runner.stop();
  return { ...finish(runner.results), parameters: bench.describe() };
}

class Runner {
  readonly results: CkksResult[] = [];
  readonly #bench: CkksBench;
  readonly #threads: readonly number[];
  readonly #runs: number;
  readonly #nttMs: number;
  readonly #bar: Bar;
  #done = 0;

  constructor(bench: CkksBench, threads: readonly number[], runs: number, steps: number) {
    this.#bar = startBar('bench ckks', steps);
    this.#bench = bench;
    this.#threads = threads;
    this.#runs = runs;
    const { kernels, ring } = bench.context;
    kernels.threads = 1;
    using limb = new Slab(kernels, ring.n);
    limb.wordsView().fill(12345n);
    const timing = measure(() => ring.forward(limb.address(), limb.address(), [0]), { minSamples: 51 });
    this.#nttMs = timing.cpuMs;
    this.results.push({ name: 'ntt.forward', build: kernels.build, threads: 1, n: ring.n, ...timing });
  }

  stop(): void {
    this.#bar.stop();
  }

  #note(text: string): void {
    this.#bar.update(this.#done, text);
  }

  #add(
    name: string,
    threads: number,
    timing: Span & { bestMs?: number; samples?: number },
    more: Partial<CkksResult> = {},
  ): void {
    this.#done += 1;
    this.#note(name);
    this.results.push({
      name,
      build: this.#bench.context.kernels.build,
      threads,
      n: this.#bench.parameters.n,
      wallMs: timing.wallMs,
      cpuMs: timing.cpuMs,
      bestMs: timing.bestMs ?? timing.wallMs,
      samples: timing.samples ?? 1,
      nttMultiple: timing.cpuMs / this.#nttMs,
      ...more,
    });
  }

  /** Limb NTTs and key switches of one run, counted at the kernels' door. */
  #count(run: () => void): Work {
    const { kernels } = this.#bench.context;
    let transforms = 0;
    let keySwitches = 0;
    kernels.observer = (op, args) => {
      const work = workOf(op, args);
      transforms += work.transforms;
      keySwitches += work.keySwitches;
    };
    run();
    kernels.observer = undefined;
    return { transforms, keySwitches };
  }

  operations(): void {
    const { kernels } = this.#bench.context;
    for (const operation of operationCases(this.#bench)) {
      const work = this.#count(operation.run);
      for (const threads of this.#threads) {
        kernels.threads = threads;
        this.#add(operation.name, threads, measure(operation.run, { budgetMs: 1500 }), {
          level: operation.level,
          ...work,
        });
      }
    }
  }

  bootstraps(slots: number): void {
    const bench = this.#bench;
    const { kernels } = bench.context;
    kernels.threads = Math.max(...this.#threads);
    kernels.trim();
    resetPeakMemory();
    using boot = new BootstrapBench(bench, slots, (text) => this.#note(text));
    const full = slots === bench.parameters.maxSlots;
    const suffix = full ? '' : `.${slots}`;
    const { keyBytes, wireKeyBytes, plan, matrices, bootstrapper } = boot;
    const weights = { slots, keyBytes, wireKeyBytes, plaintextBytes: matrices.bytes };
    this.#add(`ckks.keygen.bootstrap${suffix}`, kernels.threads, boot.keygen, weights);
    this.#add(`ckks.setup.bootstrap${suffix}`, kernels.threads, boot.setup, weights);
    const level = plan.inputLevel;
    using a = bench.encrypt(uniform(slots), level, slots);
    using b = bench.encrypt(uniform(slots), level, slots);
    const first = ([x, y]: [Ciphertext, Ciphertext]) => {
      y[Symbol.dispose]();
      return x;
    };
    const cases: BootstrapCase[] = [{ kind: 'real', refresh: (c) => bootstrapper.real(c) }];
    if (full) {
      cases.push(
        { kind: 'complex', refresh: (c) => bootstrapper.complex(c) },
        { kind: 'pair', refresh: (c) => first(bootstrapper.pair(c, b)) },
      );
    }
    for (const each of cases) {
      const run = () => each.refresh(a)[Symbol.dispose]();
      const work = this.#count(run);
      const precision = this.#precision(each, level, slots);
      for (const threads of this.#threads) {
        kernels.threads = threads;
        const timing = medianSpan(Array.from({ length: this.#runs }, () => span(run)));
        this.#add(`ckks.bootstrap.${each.kind}${suffix}`, threads, timing, {
          level,
          ...work,
          ...weights,
          ...precision,
          levelsLeft: plan.levelsLeft,
          peakRssBytes: peakMemoryBytes(),
          log2FailureProbability: plan.log2FailureProbability,
        });
      }
    }
  }

  /** Bits of precision by input; the result's are those of the worst input. */
  #precision({ refresh }: BootstrapCase, level: number, slots: number): Partial<CkksResult> {
    const bench = this.#bench;
    const precision: Record<string, { meanBits: number; minBits: number }> = {};
    for (const [name, values] of precisionInputs(slots)) {
      using input = bench.encrypt(values, level, slots);
      using output = refresh(input);
      const got = bench.decrypt(output);
      let sum = 0;
      let worst = 0;
      for (let i = 0; i < slots; i++) {
        const error = Math.abs(got[i]! - values[i]!);
        sum += error;
        worst = Math.max(worst, error);
      }
      precision[name] = { meanBits: -Math.log2(sum / slots), minBits: -Math.log2(worst) };
    }
    const all = Object.values(precision);
    return {
      precisionMeanBits: Math.min(...all.map(({ meanBits }) => meanBits)),
      precisionMinBits: Math.min(...all.map(({ minBits }) => minBits)),
      precision,
    };
  }
}

function medianSpan(spans: readonly Span[]): Span & { bestMs: number; samples: number } {
  const middle = (key: keyof Span) => spans.map((s) => s[key]).sort((x, y) => x - y)[Math.floor(spans.length / 2)]!;
  return {
    wallMs: middle('wallMs'),
    cpuMs: middle('cpuMs'),
    bestMs: Math.min(...spans.map((s) => s.wallMs)),
    samples: spans.length,
  };
}

function describe(report: CkksReport): string {
  const { parameters: p } = report;
  const bits = (value: number | undefined) => (value === undefined ? '' : value.toFixed(1));
  const rows = report.results.map((r) => [
    r.name,
    r.threads,
    r.wallMs < 10 ? r.wallMs.toFixed(2) : r.wallMs.toFixed(0),
    r.cpuMs < 10 ? r.cpuMs.toFixed(2) : r.cpuMs.toFixed(0),
    r.nttMultiple === undefined ? '' : r.nttMultiple.toFixed(0),
    r.transforms ?? '',
    r.keySwitches ?? '',
    r.levelsLeft ?? '',
    r.precisionMeanBits === undefined ? '' : `${bits(r.precisionMeanBits)} / ${bits(r.precisionMinBits)}`,
    r.keyBytes === undefined
      ? ''
      : `${(r.keyBytes / 2 ** 30).toFixed(2)} / ${((r.wireKeyBytes ?? 0) / 2 ** 30).toFixed(2)}`,
    r.peakRssBytes === undefined ? '' : (r.peakRssBytes / 2 ** 30).toFixed(2),
  ]);
  const head = [
    'operation',
    'threads',
    'wall ms',
    'cpu ms',
    'x NTT',
    'NTTs',
    'key sw.',
    'levels',
    'bits mean/min',
    'keys GiB mem/wire',
    'RSS GiB',
  ];
  return (
    `${machineLine(report.machine)}, commit ${report.commit}\n` +
    `N = 2^${p.logN}, log2(QP) = ${p.logQP.toFixed(1)}, ${p.limbs} limbs + ${p.specialPrimes} special, ${p.secret} secret, ` +
    `scale 2^${p.scaleBits}, ${p.security}; operations at ${operationLevel + 1} limbs, polynomial at level 15\n` +
    `${renderTable(head, rows)}\n`
  );
}

import { setImmediate } from 'node:timers/promises';
import type { OnProgress } from '@cipherformer/base';
import { type Ciphertext, loadKernels, Slab, type Work, workOf } from '@cipherformer/ckks';
import { measure } from '../measure/measure.ts';
import { peakMemoryBytes, resetPeakMemory } from '../measure/peak-memory.ts';
import { type BenchReport, type BenchResult, machineLine, startReport } from '../measure/report.ts';
import { median } from '../measure/statistics.ts';
import { renderTable } from '../terminal/table.ts';
import {
  BootstrapBench,
  CkksBench,
  operationCases,
  operationLevel,
  precisionInputs,
  type Span,
  span,
  uniform,
} from './ckks-cases.ts';

export interface CkksResult extends BenchResult {
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

export interface CkksReport extends BenchReport<CkksResult> {
  readonly parameters: ReturnType<CkksBench['describe']>;
}

/** What `benchCkks` can measure: bootstraps of all slots and of few, and operations. */
export const ckksSections = ['bootstrap', 'sparse', 'operations'] as const;

/** What is measured, and how often. */
export interface CkksBenchOptions {
  /** Thread counts of the bootstraps and operations. */
  readonly threads: readonly number[];
  /** Bootstraps to take the median of. */
  readonly runs: number;
  readonly sections: readonly (typeof ckksSections)[number][];
  readonly progress?: OnProgress;
  /** Looked at between the operations, and between the ways to bootstrap. */
  readonly signal?: AbortSignal;
}

/**
 * Times encryption, operations and bootstrapping at 128-bit security, N = 2^16, and measures the precision of bootstraps.
 * Cost: 7 GiB, minutes. @throws the signal's reason
 */
export async function benchCkks(options: CkksBenchOptions): Promise<CkksReport> {
  const { threads, sections } = options;
  const finish = startReport<CkksResult>();
  const kernels = await loadKernels({ threads: Math.max(...threads) });
  using bench = new CkksBench(kernels);
  const runner = new Runner(bench, options);
  if (sections.includes('bootstrap')) await runner.bootstraps(bench.parameters.maxSlots);
  if (sections.includes('sparse')) await runner.bootstraps(2 ** 12);
  if (sections.includes('operations')) await runner.operations();
  return { ...finish(runner.results), parameters: bench.describe() };
}

/** One way to bootstrap: timed on random values, its precision taken on several inputs. */
interface BootstrapCase {
  readonly kind: 'real' | 'complex' | 'pair';
  refresh(input: Ciphertext): Ciphertext;
}

/** Lines of the report to come: key generation and set-up once, everything else for each thread count. */
function stepCount({ sections, threads: { length } }: CkksBenchOptions): number {
  const lines = { bootstrap: 2 + 3 * length, sparse: 2 + length, operations: 15 * length };
  return sections.reduce((sum, section) => sum + lines[section], 0);
}

class Runner {
  readonly results: CkksResult[] = [];
  readonly #bench: CkksBench;
  readonly #options: CkksBenchOptions;
  readonly #total: number;
  readonly #nttMs: number;
  #done = 0;

  constructor(bench: CkksBench, options: CkksBenchOptions) {
    this.#bench = bench;
    this.#options = options;
    this.#total = stepCount(options);
    const { kernels, ring } = bench.context;
    kernels.threads = 1;
    using limb = new Slab(kernels, ring.n);
    limb.wordsView().fill(12345n);
    const timing = measure(() => ring.forward(limb.address(), limb.address(), [0]), { minSamples: 51 });
    this.#nttMs = timing.cpuMs;
    this.results.push({ name: 'ntt.forward', build: kernels.build, threads: 1, n: ring.n, ...timing });
  }

  #note(detail: string): void {
    this.#options.progress?.({ what: 'bench ckks', done: this.#done, total: this.#total, detail });
  }

  /** Lets an abort through, which nothing does while there is only computing. */
  async #pause(): Promise<void> {
    await setImmediate();
    this.#options.signal?.throwIfAborted();
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

  async operations(): Promise<void> {
    const { kernels } = this.#bench.context;
    for (const operation of operationCases(this.#bench)) {
      await this.#pause();
      const work = this.#count(operation.run);
      for (const threads of this.#options.threads) {
        kernels.threads = threads;
        this.#add(operation.name, threads, measure(operation.run, { budgetMs: 1500 }), {
          level: operation.level,
          ...work,
        });
      }
    }
  }

  async bootstraps(slots: number): Promise<void> {
    const bench = this.#bench;
    const { kernels } = bench.context;
    kernels.threads = Math.max(...this.#options.threads);
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
      await this.#pause();
      const run = () => each.refresh(a)[Symbol.dispose]();
      const work = this.#count(run);
      const precision = this.#precision(each, level, slots);
      for (const threads of this.#options.threads) {
        kernels.threads = threads;
        const timing = medianSpan(Array.from({ length: this.#options.runs }, () => span(run)));
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
  const middle = (key: keyof Span) => median(spans.map((one) => one[key]));
  return {
    wallMs: middle('wallMs'),
    cpuMs: middle('cpuMs'),
    bestMs: Math.min(...spans.map((s) => s.wallMs)),
    samples: spans.length,
  };
}

/** The report for a person. */
export function ckksTable(report: CkksReport): string {
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
    renderTable(head, rows)
  );
}

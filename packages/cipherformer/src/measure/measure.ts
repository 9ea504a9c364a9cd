import { median } from './statistics.ts';

/** Medians over many samples of one piece of work. */
export interface Timing {
  /** Median wall time of one run. */
  readonly wallMs: number;
  /** Median processor time of one run, summed over all threads: below wallMs x threads others had the processor. */
  readonly cpuMs: number;
  /** The fastest sample: what an idle machine would show. */
  readonly bestMs: number;
  readonly samples: number;
}

export interface MeasureOptions {
  /** Runs are repeated inside one sample until it lasts this long, so that clocks are fine enough. */
  readonly sampleMs?: number;
  /** Stop after this long, but not before `minSamples`. */
  readonly budgetMs?: number;
  readonly minSamples?: number;
  readonly maxSamples?: number;
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Times `work` after a warm-up. Processor time is the whole process's: run nothing else meanwhile. */
export function measure(work: () => void, options: MeasureOptions = {}): Timing {
  const { sampleMs = 3, budgetMs = 400, minSamples = 5, maxSamples = 101 } = options;
  work(); // pages, tables, code
  let started = performance.now();
  work();
  const runs = Math.max(1, Math.ceil(sampleMs / Math.max(performance.now() - started, 1e-3)));
  const wall: number[] = [];
  const cpu: number[] = [];
  const deadline = performance.now() + budgetMs;
  while (wall.length < maxSamples && (wall.length < minSamples || performance.now() < deadline)) {
    const cpuBefore = cpuMicroseconds();
    started = performance.now();
    for (let i = 0; i < runs; i += 1) work();
    wall.push((performance.now() - started) / runs);
    cpu.push((cpuMicroseconds() - cpuBefore) / 1000 / runs);
  }
  return { wallMs: median(wall), cpuMs: median(cpu), bestMs: Math.min(...wall), samples: wall.length };
}

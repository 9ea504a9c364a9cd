import { cpus } from 'node:os';
import type { ModelConfig } from '@cipherformer/nn';
import { renderTable } from '../terminal/table.ts';
import { timeJax } from './training-jax.ts';
import { memoryOver1000Steps, timeOnnx } from './training-onnx.ts';
import { type StepTiming, trainingFlops, trainingTask } from './training-task.ts';

/** What is measured beside the steps of this package. */
export interface TrainingBenchOptions {
  /** To measure. */
  readonly steps: number;
  /** Leave @jax-js/jax out. */
  readonly peers: boolean;
  /** Also run 1,000 steps and compare the memory before and after. */
  readonly memory: boolean;
  /** What is measured now. */
  note(text: string): void;
}

/** The timings, with the machine they are of. */
export interface TrainingReport {
  readonly task: typeof trainingTask;
  readonly gflopPerStep: number;
  readonly cpu: string;
  readonly node: string;
  readonly timings: readonly StepTiming[];
  readonly memory?: { readonly beforeMiB: number; readonly afterMiB: number };
}

/** GFLOP per CPU-second that one thread must reach. */
const targetRate = 25;

/** A degree-15 polynomial in the place of GELU, for what it costs a step. */
const withPolynomial = (config: ModelConfig): ModelConfig => ({
  ...config,
  mlp: {
    ...config.mlp,
    activation: {
      kind: 'polynomial',
      low: -6,
      high: 6,
      coefficients: Array.from({ length: 16 }, (_, k) => (k < 3 ? 0.5 : 0.05 / (k + 1))),
      trainable: false,
      clamp: false,
    },
  },
});

/** The step of the training benchmark on this package (one and two threads) and on @jax-js/jax, in one run. */
export async function benchTraining(options: TrainingBenchOptions): Promise<TrainingReport> {
  const note = (text: string) => options.note(`${text} ...`);
  const timings: StepTiming[] = [];
  note('ONNX graph, 1 thread');
  timings.push(await timeOnnx(options.steps, 1, 'onnxruntime-node, one graph'));
  note('ONNX graph, 2 threads');
  timings.push(await timeOnnx(options.steps, 2, 'onnxruntime-node, one graph'));
  note('ONNX graph, polynomial activation');
  timings.push(await timeOnnx(options.steps, 1, 'the same, GELU as degree-15 polynomial', withPolynomial));
  if (options.peers) {
    note('@jax-js/jax');
    try {
      timings.push(await timeJax(Math.max(3, Math.round(options.steps / 5))));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
      note('@jax-js/jax is not installed and is left out (npm i @jax-js/jax)');
    }
  }
  if (options.memory) note('1,000 steps');
  const memory = options.memory ? await memoryOver1000Steps() : undefined;
  return {
    task: trainingTask,
    gflopPerStep: trainingFlops() / 1e9,
    cpu: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    timings,
    ...(memory ? { memory } : {}),
  };
}

/** Whether it is slower than it has to be: in words, or undefined. */
export function trainingShortfall({ timings }: TrainingReport): string | undefined {
  const rate = timings[0]!.gflopPerCpuSecond;
  return rate < targetRate
    ? `${rate.toFixed(1)} GFLOP per CPU-second is below the target of ${targetRate}.`
    : undefined;
}

/** The report for a person. */
export function trainingTable(result: TrainingReport): string {
  const rows = result.timings.map((t) => [
    t.stack,
    t.threads,
    Number(t.cpuMs.toFixed(1)),
    Number(t.wallMs.toFixed(1)),
    Number(t.gflopPerCpuSecond.toFixed(1)),
    Number(t.gflopPerSecond.toFixed(1)),
  ]);
  const table = renderTable(['stack', 'threads', 'CPU ms/step', 'wall ms/step', 'GFLOP/CPU-s', 'GFLOP/s'], rows);
  const { memory } = result;
  const tail = memory
    ? `\nmemory: ${memory.beforeMiB.toFixed(0)} MiB, ${memory.afterMiB.toFixed(0)} MiB after 1,000 steps`
    : '';
  return `${result.gflopPerStep.toFixed(2)} GFLOP a step, ${result.cpu}, Node ${result.node}\n${table}${tail}`;
}

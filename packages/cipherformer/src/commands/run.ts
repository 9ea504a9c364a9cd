import { Context } from '@cipherformer/ckks';
import { readWireFile, writeWireFile } from '@cipherformer/ckks/files';
import {
  defaultCosts,
  loadKeys,
  measureReference,
  type OpenProgram,
  openProgram,
  outputsFile,
  predictSeconds,
  ResourceError,
  readInputs,
  runCkks,
} from '@cipherformer/compiler/server';
import type { Command } from 'commander';
import { availableMemoryBytes } from '../bench/machine.ts';
import { peakMemoryBytes } from '../bench/peak-memory.ts';
import { gib } from '../program/summary.ts';
import { formatSeconds, startProgress, startStages } from '../terminal/progress.ts';

// The server's verb: nothing it imports of ours may read a secret key (test/commands/run-imports.test.ts).

/** Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

interface RunOptions {
  readonly keys: string;
  readonly input: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer run <program>`: the program on an encrypted input, with evaluation keys alone. */
export function registerRun(program: Command): void {
  program
    .command('run')
    .description('Run a program on an encrypted input; needs evaluation keys, never a secret one')
    .argument('<program>', 'folder of a program')
    .requiredOption('--keys <file>', 'the evaluation keys')
    .requiredOption('--input <file>', 'the encrypted input')
    .requiredOption('--out <file>', 'the encrypted result')
    .option('--json', 'JSON on stdout')
    .action(run);
}

async function run(path: string, options: RunOptions): Promise<void> {
  const opened = await openProgram(path);
  const { manifest, parameters, program } = opened;
  checkMemory(opened, availableMemoryBytes());
  const stop = new AbortController();
  const interrupt = () => stop.abort(new InterruptedError('interrupted: no result was written'));
  process.once('SIGINT', interrupt);
  try {
    using context = await Context.create(parameters);
    const speed = measureReference(context) / defaultCosts.reference;
    const loading = startStages();
    using keys = await loadKeys(context, manifest, readWireFile(options.keys), {
      where: options.keys,
      progress: loading.update,
    });
    loading.stop();
    const inputs = await readInputs(context, manifest, keys.key, readWireFile(options.input), options.input);
    const warmFrom = performance.now();
    const cpuFrom = process.cpuUsage();
    using result = await runCkks(keys.machine, program, inputs, {
      signal: stop.signal,
      progress: showProgress(opened),
    });
    const { user, system } = process.cpuUsage(cpuFrom);
    const warmSeconds = (performance.now() - warmFrom) / 1000;
    for (const input of inputs) input[Symbol.dispose]();
    await writeWireFile(options.out, await outputsFile(manifest, keys.key, result.outputs));
    report(options, {
      // From the start of the process to the file: what a person waits for.
      coldSeconds: performance.now() / 1000,
      warmSeconds,
      cpuSeconds: (user + system) / 1e6,
      predictedCpuSeconds: manifest.predicted.cpuSeconds * speed,
      peakRssBytes: peakMemoryBytes(),
      predictedPeakBytes: manifest.predicted.peakBytes,
    });
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

/** Throws ResourceError for a program that takes more memory than is free. */
export function checkMemory({ manifest }: OpenProgram, available: number): void {
  const { peakBytes } = manifest.predicted;
  if (peakBytes <= available) return;
  throw new ResourceError(
    `this program takes about ${gib(peakBytes)} of memory, ${gib(available)} are free here: stop other programs or use a larger machine`,
  );
}

/** Shows seconds of predicted work, and how long the rest will take at the speed seen so far. */
function showProgress({ program, parameters }: OpenProgram) {
  const seconds = predictSeconds(program, parameters);
  const total = seconds.reduce((sum, s) => sum + s, 0);
  const whole = Math.max(1, Math.round(total));
  const progress = startProgress('run', whole);
  let done = 0;
  const started = performance.now();
  return ({ index }: { readonly index: number }) => {
    done += seconds[index]!;
    const left = ((performance.now() - started) / 1000) * (total / done - 1);
    const last = index === program.instructions.length - 1;
    // The end is shown once.
    progress.update(
      last ? whole : Math.min(whole - 1, Math.floor(done)),
      `${program.instructions[index]!.source} | ETA ${formatSeconds(left)}`,
    );
    if (last) progress.stop();
  };
}

interface Report {
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly cpuSeconds: number;
  /** By the cost table, times how much slower this machine's transforms are than those it was measured with. */
  readonly predictedCpuSeconds: number;
  readonly peakRssBytes: number;
  readonly predictedPeakBytes: number;
}

function report({ out, json }: RunOptions, figures: Report): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ output: out, ...figures })}\n`);
    return;
  }
  const s = (seconds: number) => `${seconds.toFixed(1)} s`;
  process.stdout.write(
    `${out}: cold ${s(figures.coldSeconds)}, warm ${s(figures.warmSeconds)}, processor ${s(figures.cpuSeconds)} ` +
      `(predicted ${s(figures.predictedCpuSeconds)}), peak memory ${gib(figures.peakRssBytes)} (predicted ${gib(figures.predictedPeakBytes)})\n`,
  );
}

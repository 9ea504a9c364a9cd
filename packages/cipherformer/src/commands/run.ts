import { gib } from '@cipherformer/base';
import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readWireFile, writeWireFile } from '@cipherformer/ckks/files';
import { defaultCosts, measureReference, openProgram } from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkMemory,
  loadKeys,
  openKeyFolder,
  outputsFile,
  readInputs,
  runCkks,
} from '@cipherformer/runtime/server';
import type { Command } from 'commander';
import { peakMemoryBytes } from '../measure/peak-memory.ts';
import { startRunProgress } from '../program/run-progress.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { startStages } from '../terminal/progress.ts';

// The server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface RunOptions {
  readonly keys: string;
  readonly input: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer run <program>`: the program on an encrypted input, with evaluation keys alone. */
export function registerRun(program: Command, security: SecurityOptions): void {
  program
    .command('run')
    .description('Run a program on an encrypted input; needs evaluation keys, never a secret one')
    .argument('<program>', 'folder of a program')
    .requiredOption('--keys <folder>', 'the evaluation keys')
    .requiredOption('--input <file>', 'the encrypted input')
    .requiredOption('--out <file>', 'the encrypted result')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: RunOptions) => run(path, options, security));
}

async function run(path: string, options: RunOptions, security: SecurityOptions): Promise<void> {
  const opened = await openProgram(path, security);
  const { manifest, parameters } = opened;
  checkMemory(opened, availableMemoryBytes());
  await interruptible('stopping after this instruction; no result is written', async (signal) => {
    using context = await Context.create(parameters, security);
    const speed = measureReference(context) / defaultCosts.reference;
    const loading = startStages();
    const source = await openKeyFolder(options.keys, parameters);
    using keys = await loadKeys(context, manifest, source, { progress: loading.update, signal }).finally(loading.stop);
    const { inputs, request } = await readInputs(
      context,
      manifest,
      keys.key,
      readWireFile(options.input),
      options.input,
    );
    const warmFrom = performance.now();
    const cpuFrom = process.cpuUsage();
    using result = await runCkks(keys.machine, opened, inputs, {
      signal,
      onInstruction: startRunProgress(opened),
    });
    const { user, system } = process.cpuUsage(cpuFrom);
    const warmSeconds = (performance.now() - warmFrom) / 1000;
    for (const input of inputs) input[Symbol.dispose]();
    await writeWireFile(options.out, await outputsFile(manifest, keys.key, request, result.outputs));
    report(options, {
      // From the start of the process to the file: what a person waits for.
      coldSeconds: performance.now() / 1000,
      warmSeconds,
      cpuSeconds: (user + system) / 1e6,
      predictedCpuSeconds: manifest.predicted.cpuSeconds * speed,
      peakRssBytes: peakMemoryBytes(),
      predictedPeakBytes: manifest.predicted.peakBytes,
    });
  });
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

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
  readManifest,
  runCkks,
} from '@cipherformer/runtime/server';
import type { Command } from 'commander';
import { peakMemoryBytes } from '../measure/peak-memory.ts';
import { startRunProgress } from '../program/run-progress.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { print } from '../terminal/output.ts';
import { checkOutput } from '../terminal/output-path.ts';
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
    .requiredOption('--out <file>', 'the new file of the encrypted result')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: RunOptions) => run(path, options, security));
}

async function run(path: string, options: RunOptions, security: SecurityOptions): Promise<void> {
  const { keys: folder, input, out } = options;
  checkOutput(out);
  // What a moment tells comes before what takes minutes: whose keys they are, and what the input is.
  const asked = await readManifest(path, security);
  checkMemory({ manifest: asked }, availableMemoryBytes());
  await interruptible('stopping after this step; no result is written', async (signal) => {
    const opened = await openProgram(path, security);
    const { manifest, parameters } = opened;
    const source = await openKeyFolder(folder, parameters);
    using context = await Context.create(parameters, security);
    const { inputs, request } = await readInputs(context, manifest, source.key, readWireFile(input), input);
    try {
      const speed = measureReference(context) / defaultCosts.reference;
      const loading = startStages();
      using keys = await loadKeys(context, manifest, source, { progress: loading.update, signal }).finally(
        loading.stop,
      );
      const warmFrom = performance.now();
      const cpuFrom = process.cpuUsage();
      using result = await runCkks(keys.machine, opened, inputs, { signal, progress: startRunProgress(opened) });
      const { user, system } = process.cpuUsage(cpuFrom);
      const warmSeconds = (performance.now() - warmFrom) / 1000;
      const file = await outputsFile(manifest, keys.key, request, result.outputs);
      await writeWireFile(out, file, { overwrite: false });
      report(path, options, {
        // From the start of the process to the file: what a person waits for.
        coldSeconds: performance.now() / 1000,
        warmSeconds,
        cpuSeconds: (user + system) / 1e6,
        predictedCpuSeconds: manifest.predicted.cpuSeconds * speed,
        peakRssBytes: peakMemoryBytes(),
        predictedPeakBytes: manifest.predicted.peakBytes,
      });
    } finally {
      for (const one of inputs) one[Symbol.dispose]();
    }
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

function report(path: string, { input, out, json }: RunOptions, figures: Report): void {
  const s = (seconds: number) => `${seconds.toFixed(1)} s`;
  print(json, {
    value: { output: out, ...figures },
    text:
      `${out}: cold ${s(figures.coldSeconds)}, warm ${s(figures.warmSeconds)}, processor ${s(figures.cpuSeconds)} ` +
      `(predicted ${s(figures.predictedCpuSeconds)}), peak memory ${gib(figures.peakRssBytes)} (at most ${gib(figures.predictedPeakBytes)} predicted)`,
    next: `cipherformer decrypt ${path} --keys <the secret key> --input ${out} --request ${input}`,
  });
}

import { readFile } from 'node:fs/promises';
import { gib } from '@cipherformer/base';
import { Context, type Parameters, type SecurityOptions } from '@cipherformer/ckks';
import { writeBytesDurably } from '@cipherformer/ckks/durable';
import { readWireFile } from '@cipherformer/ckks/files';
import { defaultCosts, measureReference } from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkKeys,
  checkMemory,
  openKeyFolder,
  parametersOf,
  readManifest,
  readRequest,
} from '@cipherformer/runtime/server';
import type { Command } from 'commander';
import { Server } from '../door/server.ts';
import { peakMemoryBytes } from '../measure/peak-memory.ts';
import { commandLine } from '../terminal/command-line.ts';
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
  // What a moment tells comes before what takes minutes: the memory, whose keys they are, what the input is.
  const manifest = await readManifest(path, security);
  const parameters = parametersOf(manifest, security);
  checkMemory({ manifest }, availableMemoryBytes());
  const { key, specs } = await openKeyFolder(folder, parameters);
  checkKeys(specs, manifest);
  await readRequest(manifest, key, readWireFile(input), input);
  const speed = await measureSpeed(parameters, security);
  // The work is in a thread, so Ctrl-C ends the process at once, and nothing is written before the end.
  await using server = await Server.load(path, security);
  const stages = startStages();
  try {
    await using keys = await server.loadKeys(folder, { progress: stages.update });
    const request = await readFile(input);
    const warmFrom = performance.now();
    const cpuFrom = process.cpuUsage();
    const result = await server.run(keys, request, { progress: stages.update });
    const { user, system } = process.cpuUsage(cpuFrom);
    const warmSeconds = (performance.now() - warmFrom) / 1000;
    await writeBytesDurably(out, result, { overwrite: false });
    stages.stop();
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
    stages.stop();
  }
}

/** How much slower this machine's transforms are than those that the costs were measured with. */
async function measureSpeed(parameters: Parameters, security: SecurityOptions): Promise<number> {
  using context = await Context.create(parameters, security);
  return measureReference(context) / defaultCosts.reference;
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
    next: commandLine`cipherformer decrypt ${path} --keys <the secret key> --input ${out} --request ${input}`,
  });
}

import { given } from '@cipherformer/base';
import { highestGoodError, type Precision, precisions } from '@cipherformer/compiler';
import { parametersOf } from '@cipherformer/runtime/server';
import { type Command, Option } from 'commander';
import { compile } from '../door/compile.ts';
import { describeProgram } from '../program/summary.ts';
import { commandLine } from '../terminal/command-line.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';
import { checkOutput } from '../terminal/output-path.ts';
import { withStages } from '../terminal/with-stages.ts';

interface CompileCommandOptions {
  readonly out: string;
  readonly objective: 'latency' | 'throughput';
  readonly batch?: number;
  readonly memory?: number;
  readonly generation?: boolean;
  readonly precision: Precision;
  readonly json?: boolean;
}

/** `cipherformer compile <poly-model>`: the encrypted program of a polynomial model, its parameters and key set. */
export function registerCompile(program: Command): void {
  program
    .command('compile')
    .description('Compile a polynomial model to an encrypted program: parameters, keys, predicted time and memory')
    .argument('<poly-model>', 'folder of a polynomial model')
    .requiredOption('--out <folder>', 'the new folder of the program')
    .addOption(
      new Option('--objective <what>', 'one input soon, or many at once for the least time of each')
        .choices(['latency', 'throughput'])
        .default('latency'),
    )
    .option('--batch <n>', 'inputs computed at once, a power of two; replaces the objective', positiveInteger)
    .option('--memory <GiB>', 'most memory that a run may take: a program that needs more is refused (default: 16 with --objective throughput, else any)', positiveInteger)
    .addOption(
      new Option('--precision <what>', 'usual; high: 45 bits in place of 40, half as much time again and twice the keys; chosen: high where the predicted error at unit spread is above 1e-2')
        .choices(precisions)
        .default('chosen'),
    )
    .option('--generation', 'a language model that goes on token by token, for generate')
    .option('--json', 'the manifest as JSON on stdout')
    .action(async (model: string, { out, objective, batch, memory, generation = false, precision, json }: CompileCommandOptions) => {
      checkOutput(out);
      const throughput = batch === undefined && objective === 'throughput';
      const gib = memory ?? (throughput ? 16 : undefined);
      await withStages('stopping; no program is written', async (signal, { update: progress }) => {
        using program = await compile(model, {
          ...{ folder: out, batch: batch ?? (throughput ? 'throughput' : 1), generation, precision, progress, signal },
          ...given({ memoryBytes: gib && gib * 2 ** 30 }),
        });
        const { manifest } = program;
        const { errorAtUnitSpread: error = 0 } = manifest.predicted;
        if (error > highestGoodError)
          note(`warning: noise may move the answers by ${error.toExponential(1)} of their spread: close ones may change${precision === 'usual' ? '; compile with --precision high' : ''}`);
        print(json, {
          value: { program: out, ...manifest },
          text: describeProgram(manifest, parametersOf(manifest)),
          next: generation ? commandLine`cipherformer generate ${out} "Once upon a time"` : commandLine`cipherformer keygen ${out} --out keys`,
        });
      });
    }); // biome-ignore format: options
}

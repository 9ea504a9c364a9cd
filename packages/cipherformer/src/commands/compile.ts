import { writeProgram } from '@cipherformer/compiler';
import { type Command, Option } from 'commander';
import { describeProgram } from '../program/summary.ts';
import { positiveInteger } from '../terminal/numbers.ts';

interface CompileCommandOptions {
  readonly out: string;
  readonly objective: 'latency' | 'throughput';
  readonly batch?: number;
  readonly memory: number;
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
    .option('--memory <GiB>', 'most memory that a run may take, for --objective throughput', positiveInteger, 16)
    .option('--json', 'the manifest as JSON on stdout')
    .action(async (model: string, { out, objective, batch, memory, json }: CompileCommandOptions) => {
      const asked = batch ?? (objective === 'throughput' ? objective : 1);
      const { manifest, parameters } = await writeProgram(model, out, { batch: asked, memoryBytes: memory * 2 ** 30 });
      const text = json ? JSON.stringify({ program: out, ...manifest }) : describeProgram(manifest, parameters);
      process.stdout.write(`${text}\n`);
    });
}

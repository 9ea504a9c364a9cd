import { once } from 'node:events';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { configure, sharedPlace, startWorker } from '@cipherformer/service';
import type { Command } from 'commander';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';
import { showable } from '../terminal/text.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface WorkerCommandOptions {
  readonly data?: string;
  readonly redis?: string;
  readonly bucket?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly workerMemory?: number;
  readonly config?: string;
  readonly json?: boolean;
}

/** `cipherformer worker <folder...>`: computes for services on several machines. */
export function registerWorker(program: Command, security: SecurityOptions): void {
  program
    .command('worker')
    .description('Compute for services that share Redis and a bucket (serve --redis --bucket); never needs a secret key')
    .argument('[folder...]', 'folders of programs, or of polynomial models, as the services have them')
    .option('--data <folder>', 'of this worker alone: compiled programs and fetched keys (default cipherformer-worker)')
    .option('--redis <url>', 'where rows and queues are')
    .option('--bucket <name>', 'where keys, questions and results are, on S3')
    .option('--s3-endpoint <url>', 'of a service that speaks S3 (default: Amazon of the region)')
    .option('--s3-region <name>', 'its region (default AWS_REGION, or us-east-1)')
    .option('--worker-memory <size>', 'that computing may take, as 6GiB (default: nine tenths of the machine)', byteSize)
    .option('--config <file>', 'the JSON file of the services; these options and CIPHERFORMER_... of the environment go before it')
    .option('--json', 'JSON on stdout, when it is there')
    .action((folders: string[], options: WorkerCommandOptions) => work(folders, options, security));
} // biome-ignore format: a line each

async function work(
  given: readonly string[],
  { config, json, data: ownData, workerMemory: workerBytes, ...options }: WorkerCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const named = given.length > 0 ? { folders: [...given] } : {};
  // The folder of a service beside it, which the file and the environment name, is not the worker's.
  const { folders = [], ...configured } = await configure(
    { ...options, ...named, ...(workerBytes === undefined ? {} : { workerBytes }) },
    process.env,
    config,
  );
  const data = ownData ?? 'cipherformer-worker';
  const shared = sharedPlace(configured);
  const memory = configured.workerBytes === undefined ? {} : { workerBytes: configured.workerBytes };
  if (shared === undefined)
    throw new UsageError(
      'a worker needs what it shares with its services: Redis and a bucket; serve alone needs no worker',
    );
  if (folders.length === 0)
    throw new UsageError('there is nothing to compute: name the folder of a program or a model');
  const notice = (text: string) => void process.stderr.write(`${showable(text)}\n`);
  const stopping = 'stopping: the task that runs is begun again by another worker (Ctrl-C again: at once)';
  await interruptible(stopping, async (signal) => {
    const worker = await startWorker({ ...memory, folders, data, shared, security, notice, signal });
    const programs = worker.programs.map(({ digest, summary }) => ({ digest, ...summary }));
    const lines = worker.programs.map(({ digest, manifest }) => `  ${digest.slice(0, 12)} ${manifest.model.name} (${manifest.model.task})\n`); // biome-ignore format: short
    process.stdout.write(json ? `${JSON.stringify({ id: worker.id, data, programs })}\n` : `worker ${worker.id} takes tasks of\n${lines.map(showable).join('')}Ctrl-C stops it\n`); // biome-ignore format: short
    if (!signal.aborted) await once(signal, 'abort');
    await worker.close();
    notice('stopped');
  });
}

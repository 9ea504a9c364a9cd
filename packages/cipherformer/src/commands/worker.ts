import { once } from 'node:events';
import { given, UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { sharedPlace, startWorker } from '@cipherformer/service';
import type { Command } from 'commander';
import { configured, type PlaceOptions, programLine, withPlaceOptions } from '../program/service-options.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { note, print } from '../terminal/output.ts';
import { showable } from '../terminal/text.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface WorkerCommandOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** `cipherformer worker <folder...>`: computes for services on several machines. */
export function registerWorker(program: Command, security: SecurityOptions): void {
  const command = program
    .command('worker')
    .description('Compute for services that share Redis and a bucket (serve --redis --bucket); never needs a secret key')
    .argument('[folder...]', 'folders of programs, or of polynomial models, as the services have them')
    .option('--data <folder>', 'of this worker alone: compiled programs and fetched keys (default cipherformer-worker)');
  withPlaceOptions(command)
    .option('--json', 'JSON on stdout, when it is there')
    .action((folders: string[], options: WorkerCommandOptions) => work(folders, options, security));
} // biome-ignore format: a line each

async function work(
  named: readonly string[],
  // The folder of a service beside it, which the file and the environment name, is not the worker's.
  { json, data = 'cipherformer-worker', ...options }: WorkerCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const settings = await configured(named, options);
  const { folders, workerBytes } = settings;
  const shared = sharedPlace(settings);
  if (shared === undefined)
    throw new UsageError(
      'a worker needs what it shares with its services: Redis and a bucket; serve alone needs no worker',
    );
  const stopping = 'stopping: the task that runs is begun again by another worker (Ctrl-C again: at once)';
  await interruptible(stopping, async (signal) => {
    const worker = await startWorker({
      ...given({ workerBytes }),
      folders,
      data,
      shared,
      security,
      notice: note,
      signal,
    });
    const { id, programs } = worker;
    print(json, {
      value: { id, data, programs: programs.map(({ digest, summary }) => ({ digest, ...summary })) },
      text: showable([`worker ${id} takes tasks of`, ...programs.map(programLine), 'Ctrl-C stops it'].join('\n')),
    });
    if (!signal.aborted) await once(signal, 'abort');
    await worker.close();
    note('stopped');
  });
}

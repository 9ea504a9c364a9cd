import { given, UsageError } from '@cipherformer/base';
import { type Configured, configure, type PreparedProgram } from '@cipherformer/service';
import type { Command } from 'commander';
import { byteSize } from '../terminal/numbers.ts';

// What the verbs of a service and of its workers have in common. Nothing here may read a secret key.

/** Where several machines meet, and what computing may take. */
export interface PlaceOptions {
  readonly data?: string;
  readonly redis?: string;
  readonly bucket?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly workerMemory?: number;
  readonly config?: string;
}

export function withPlaceOptions(command: Command): Command {
  return command
    .option('--redis <url>', 'of several machines: where rows and queues are; their work is done by `worker`')
    .option('--bucket <name>', 'of several machines: where keys, questions and results are, on S3')
    .option('--s3-endpoint <url>', 'of a service that speaks S3 (default: Amazon of the region)')
    .option('--s3-region <name>', 'its region (default AWS_REGION, or us-east-1)')
    .option('--worker-memory <size>', 'that computing may take, as 6GiB (default: nine tenths of the machine)', byteSize)
    .option('--config <file>', 'a JSON file of such options; these and CIPHERFORMER_... of the environment go before it');
} // biome-ignore format: a line each

/**
 * What was given on the command line, over the environment, over the file.
 * @throws UsageError for a field or a variable that is not as it should be, and without a folder
 */
export async function configured(
  named: readonly string[],
  { config, workerMemory, ...options }: PlaceOptions,
): Promise<Configured & { readonly folders: readonly string[] }> {
  const folders = named.length > 0 ? [...named] : undefined;
  const all = await configure(given({ ...options, folders, workerBytes: workerMemory }), process.env, config);
  if (all.folders === undefined || all.folders.length === 0)
    throw new UsageError('there is nothing to serve or compute: name the folder of a program or a model');
  return { ...all, folders: all.folders };
}

/** A program on a line: the beginning of its digest, what it is. */
export const programLine = ({ digest, manifest: { model } }: PreparedProgram): string =>
  `  ${digest.slice(0, 12)} ${model.name} (${model.task})`;

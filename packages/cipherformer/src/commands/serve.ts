import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { gib, UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { configure, type PreparedProgram, sharedPlace, startService } from '@cipherformer/service';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { buildPage, pageFolder } from '../program/page-folder.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { showable } from '../terminal/text.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface ServeCommandOptions {
  readonly host?: string;
  readonly port?: number;
  readonly data?: string;
  readonly open?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: boolean;
  readonly name?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly publishModel?: boolean;
  readonly redis?: string;
  readonly bucket?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly workerMemory?: number;
  readonly metricsPort?: number;
  readonly log?: 'warnings' | 'json';
  readonly config?: string;
  readonly json?: boolean;
}

/** `cipherformer serve <folder...>`: programs, or polynomial models that are compiled, over HTTP. */
export function registerServe(program: Command, security: SecurityOptions): void {
  program
    .command('serve')
    .description('Serve programs over HTTP, to their owner on this machine or to many; needs evaluation keys, never a secret one')
    .argument('[folder...]', 'folders of programs, or of polynomial models, which are compiled')
    .option('--host <address>', 'where to listen (default 127.0.0.1); beyond this machine with TLS alone')
    .option('--port <n>', 'its port (default 8080); 0 for one that is free', portNumber)
    .option('--data <folder>', 'where keys, questions and compiled programs are kept (default cipherformer-data)')
    .option('--open', 'give strangers a token for the asking; every request then needs one')
    .option('--tls-cert <file>', 'certificate with its chain, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--behind-proxy', 'a proxy speaks TLS before it, says whose requests these are, and alone reaches it')
    .option('--name <host...>', 'host names that it answers to (default: those of the certificate)')
    .option('--allow-origin <origin...>', 'pages at these addresses (https://models.example) may use it from a browser')
    .option('--publish-model', 'give the polynomial model away, so that the page computes the clear answer beside the encrypted one')
    .option('--redis <url>', 'of several machines: where rows and queues are; work is done by `worker`')
    .option('--bucket <name>', 'of several machines: where keys, questions and results are, on S3')
    .option('--s3-endpoint <url>', 'of a service that speaks S3 (default: Amazon of the region)')
    .option('--s3-region <name>', 'its region (default AWS_REGION, or us-east-1)')
    .option('--worker-memory <size>', 'that computing may take, as 6GiB (default: nine tenths of the machine)', byteSize)
    .option('--metrics-port <n>', 'figures for Prometheus at this port of this machine', portNumber)
    .addOption(new Option('--log <kind>', 'what goes to stderr (default warnings)').choices(['warnings', 'json']))
    .option('--config <file>', 'a JSON file of such options; these and CIPHERFORMER_... of the environment go before it')
    .option('--json', 'JSON on stdout, when it listens')
    .action((folders: string[], options: ServeCommandOptions) => serve(folders, options, security));
} // biome-ignore format: a line each

async function serve(
  given: readonly string[],
  { config, json, name, allowOrigin, workerMemory: workerBytes, ...options }: ServeCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const configured = await configure(
    {
      ...options,
      ...(given.length > 0 ? { folders: [...given] } : {}),
      ...(workerBytes === undefined ? {} : { workerBytes }),
      ...(name ? { names: [...name] } : {}),
      ...(allowOrigin ? { allowOrigins: [...allowOrigin] } : {}),
    },
    process.env,
    config,
  );
  const {
    folders = [],
    port = 8080,
    data = 'cipherformer-data',
    tlsCert,
    tlsKey,
    log,
    redis,
    bucket,
    s3Endpoint,
    s3Region,
    ...rest
  } = configured;
  const shared = sharedPlace(configured);
  if (folders.length === 0) throw new UsageError('there is nothing to serve: name the folder of a program or a model');
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError('a certificate and its key belong together: give both');
  const tls = tlsCert && tlsKey ? { tls: { cert: await pem(tlsCert), key: await pem(tlsKey) } } : {};
  const notice = (text: string) => void process.stderr.write(`${showable(text)}\n`);
  const page = pageFolder();
  const stopping =
    'stopping: what is under way ends, a question that is being computed is begun again by the next serve (Ctrl-C again: at once)';
  await interruptible(stopping, async (signal) => {
    const { service, programs } = await startService({
      ...{ ...rest, ...tls, ...(shared ? { shared } : {}), folders, data, port, security, notice, signal },
      ...(log === 'json' ? { log: { level: 'info', stream: process.stderr } } : {}),
      ...(page === undefined ? {} : { page }),
    });
    const { url, metricsUrl } = service;
    process.stdout.write(
      json
        ? `${JSON.stringify({ url, ...(metricsUrl ? { metricsUrl } : {}), data, page: page !== undefined, programs: programs.map(describe) })}\n`
        : words(url, programs, page),
    );
    if (!signal.aborted) await once(signal, 'abort');
    await service.close();
    notice('stopped; all that was acknowledged is kept');
  });
}

async function pem(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read: check the path, and that this user may`, { cause });
  });
}

function describe({ digest, folder, summary, manifest }: PreparedProgram) {
  return { digest, folder, ...summary, batch: manifest.batch };
}

function words(url: string, programs: readonly PreparedProgram[], page: string | undefined): string {
  const lines = programs.map(({ digest, manifest: { model, keys, predicted } }) => {
    const costs = `${gib(keys.wireBytes)} of keys once, about ${formatSeconds(predicted.cpuSeconds)} of processor time a run, ${gib(predicted.peakBytes)} of memory`;
    return `  ${digest.slice(0, 12)} ${model.name} (${model.task}): ${costs}`;
  });
  const [{ preprocess } = { preprocess: { kind: 'text' } }] = programs.map(({ manifest }) => manifest.model);
  const query = `npx cipherformer query ${url} ${preprocess.kind === 'image' ? '--image digit.png' : '--text "..."'}`;
  const next = page === undefined ? `${query}\n(the page is not built: ${buildPage})` : `open it in a browser, or: ${query}`; // biome-ignore format: short
  return `${url}\n${lines.map(showable).join('\n')}\n${next}\nCtrl-C stops it\n`;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError('It must be the number of a port, 0 to 65535.');
  return port;
}

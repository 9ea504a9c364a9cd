import { once } from 'node:events';
import { gib, given } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { type PreparedProgram, sharedPlace, startService, tlsOf } from '@cipherformer/service';
import { type Command, Option } from 'commander';
import { buildPage, pageFolder } from '../program/page-folder.ts';
import { configured, type PlaceOptions, programLine, withPlaceOptions } from '../program/service-options.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { portNumber } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { showable } from '../terminal/text.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface ServeCommandOptions extends PlaceOptions {
  readonly host?: string;
  readonly port?: number;
  readonly open?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: boolean;
  readonly name?: string[];
  readonly allowOrigin?: string[];
  readonly publishModel?: boolean;
  readonly metricsPort?: number;
  readonly log?: 'warnings' | 'json';
  readonly json?: boolean;
}

/** `cipherformer serve <folder...>`: programs, or polynomial models that are compiled, over HTTP. */
export function registerServe(program: Command, security: SecurityOptions): void {
  const command = program
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
    .option('--metrics-port <n>', 'figures for Prometheus at this port of this machine', portNumber)
    .addOption(new Option('--log <kind>', 'what goes to stderr (default warnings)').choices(['warnings', 'json']));
  withPlaceOptions(command)
    .option('--json', 'JSON on stdout, when it listens')
    .action((folders: string[], options: ServeCommandOptions) => serve(folders, options, security));
} // biome-ignore format: a line each

async function serve(
  named: readonly string[],
  { json, name: names, allowOrigin: allowOrigins, ...options }: ServeCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const settings = await configured(named, given({ ...options, names, allowOrigins }));
  const { port = 8080, data = 'cipherformer-data', log, ...rest } = settings;
  const [shared, tls, page] = [sharedPlace(settings), await tlsOf(settings), pageFolder()];
  const stopping =
    'stopping: what is under way ends, a question that is being computed is begun again by the next serve (Ctrl-C again: at once)';
  await interruptible(stopping, async (signal) => {
    const { service, programs } = await startService({
      ...{ ...rest, data, port, security, notice: note, signal },
      ...given({ shared, tls, page, log: log === 'json' ? { level: 'info', stream: process.stderr } : undefined }),
    });
    const { url, metricsUrl } = service;
    print(json, {
      value: { url, ...given({ metricsUrl }), data, page: page !== undefined, programs: programs.map(describe) },
      text: words(url, programs, page),
    });
    if (!signal.aborted) await once(signal, 'abort');
    await service.close();
    note('stopped; all that was acknowledged is kept');
  });
}

function describe({ digest, folder, summary, manifest }: PreparedProgram) {
  return { digest, folder, ...summary, batch: manifest.batch };
}

function words(url: string, programs: readonly PreparedProgram[], page: string | undefined): string {
  const lines = programs.map((program) => {
    const { keys, predicted } = program.manifest;
    const costs = `${gib(keys.wireBytes)} of keys once, about ${formatSeconds(predicted.cpuSeconds)} of processor time a run, ${gib(predicted.peakBytes)} of memory`;
    return `${programLine(program)}: ${costs}`;
  });
  const [{ preprocess } = { preprocess: { kind: 'text' } }] = programs.map(({ manifest }) => manifest.model);
  const query = `npx cipherformer query ${url} ${preprocess.kind === 'image' ? '--image digit.png' : '--text "..."'}`;
  const next = page === undefined ? `${query}\n(the page is not built: ${buildPage})` : `open it in a browser, or: ${query}`; // biome-ignore format: short
  return `${url}\n${lines.map(showable).join('\n')}\n${next}\nCtrl-C stops it`;
}

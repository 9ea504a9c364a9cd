import { once } from 'node:events';
import { gib } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { type PreparedProgram, startService } from '@cipherformer/service';
import { type Command, InvalidArgumentError } from 'commander';
import { buildPage, pageFolder } from '../program/page-folder.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { showable } from '../terminal/text.ts';

// A server's verb: nothing it imports of ours may read a secret key (test/architecture.test.ts).

interface ServeCommandOptions {
  readonly port: number;
  readonly data: string;
  readonly json?: boolean;
}

/** `cipherformer serve <folder...>`: programs, or polynomial models that are compiled, over HTTP on this machine. */
export function registerServe(program: Command, security: SecurityOptions): void {
  program
    .command('serve')
    .description('Serve programs to their owner on this machine, over HTTP; needs evaluation keys, never a secret one')
    .argument('<folder...>', 'folders of programs, or of polynomial models, which are compiled')
    .option('--port <n>', 'where to listen, on loopback alone; 0 for one that is free', portNumber, 8080)
    .option('--data <folder>', 'where keys, questions and compiled programs are kept', 'cipherformer-data')
    .option('--json', 'JSON on stdout, when it listens')
    .action((folders: string[], options: ServeCommandOptions) => serve(folders, options, security));
}

async function serve(
  folders: readonly string[],
  { port, data, json }: ServeCommandOptions,
  security: SecurityOptions,
): Promise<void> {
  const notice = (text: string) => void process.stderr.write(`${showable(text)}\n`);
  const page = pageFolder();
  const stopping =
    'stopping: what is under way ends, a question that is being computed is begun again by the next serve (Ctrl-C again: at once)';
  await interruptible(stopping, async (signal) => {
    const { service, programs } = await startService({
      ...{ folders, data, port, security, notice, signal },
      ...(page === undefined ? {} : { page }),
    });
    const { url } = service;
    process.stdout.write(
      json
        ? `${JSON.stringify({ url, data, page: page !== undefined, programs: programs.map(describe) })}\n`
        : words(url, programs, page),
    );
    if (!signal.aborted) await once(signal, 'abort');
    await service.close();
    notice('stopped; all that was acknowledged is kept');
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

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { type ServiceOptions, startService } from '../../../service/src/run/start.ts';
import { startListening } from '../../../service/test/killable.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

/** The fixtures worker and server as files that Node runs, bundled from the sources; the kernels are found where they are. */
export async function bundled(): Promise<{ worker: string; server: string; dispose(): void }> {
  const root = mkdtempSync(join(tmpdir(), 'service-bundle-'));
  symlinkSync(join(import.meta.dirname, '../../../ckks/build'), join(root, 'build'));
  const outDir = join(root, 'bundle/files');
  await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['source'] },
    ssr: { noExternal: true, resolve: { conditions: ['source', 'node', 'import', 'default'] } },
    build: {
      ssr: true,
      outDir,
      minify: false,
      target: 'node20',
      rolldownOptions: {
        input: Object.fromEntries(
          ['worker', 'server'].map((name) => [name, join(import.meta.dirname, `fixtures/${name}.ts`)]),
        ),
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
      },
    },
  });
  return {
    worker: join(outDir, 'worker.mjs'),
    server: join(outDir, 'server.mjs'),
    dispose: () => rmSync(root, { recursive: true }),
  };
}

/** A service in this process, on insecure rings, with the workers that it started and what it told its owner. */
export async function startInsecure(
  worker: string,
  { slowMs = 0, ...options }: Partial<ServiceOptions> & Pick<ServiceOptions, 'folders' | 'data'> & { slowMs?: number },
) {
  const workers: ChildProcess[] = [];
  const notices: string[] = [];
  const started = await startService({
    security: { insecure: true },
    parameters: insecureParameters(),
    notice: (text) => notices.push(text),
    graceMs: 5000,
    spawnWorker: () => {
      const child = fork(worker, [`${slowMs}`]);
      workers.push(child);
      return child;
    },
    ...options,
  }); // biome-ignore format: short
  return { ...started, workers, notices };
}

/** The service in a process of its own, to be killed. */
export async function startProcess(files: { server: string; worker: string }, options: Pick<ServiceOptions, 'folders' | 'data' | 'port'>) {
  return startListening([files.server, JSON.stringify(options), files.worker]);
} // biome-ignore format: short

/** Asks until the answer is as it should be. */
export async function until<T>(ask: () => T | Promise<T>, isSo: (answer: T) => boolean, ms = 20_000): Promise<T> {
  for (const end = Date.now() + ms; ; ) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    if (Date.now() > end) throw new Error(`it stayed ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { type ServiceOptions, startService } from '../../../service/src/run/start.ts';
import { bundleOf } from '../../../service/test/bundle.ts';
import { startListening } from '../../../service/test/killable.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

/** The fixtures worker and server as files that Node runs. */
export async function bundled(): Promise<{ worker: string; server: string; dispose(): void }> {
  const { path, dispose } = await bundleOf(join(import.meta.dirname, 'fixtures'), ['worker', 'server']);
  return { worker: path('worker'), server: path('server'), dispose };
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
export async function startProcess(files: { server: string; worker: string }, options: Pick<ServiceOptions, 'folders' | 'data' | 'port' | 'open'>) {
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

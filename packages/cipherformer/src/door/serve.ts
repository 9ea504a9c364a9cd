import type { Parameters } from '@cipherformer/ckks';
import { pageFolder } from '../program/page-folder.ts';

/** What is served, and where its data is. */
export interface ServeOptions {
  /** Folders of programs, or of polynomial models, which are compiled into `data`. */
  readonly folders: readonly string[];
  /** Folder of all that is kept: keys, questions, compiled programs; made if it is not there. One service at a time. */
  readonly data: string;
  /** Where to listen, on loopback alone. Default: a port that is free. */
  readonly port?: number;
  /** Folder of a page to serve at /. Default: the page of this package, where it is built. */
  readonly page?: string;
  /** Of programs that are compiled. Default: N = 2^16 with bootstrapping, at 128-bit security. */
  readonly parameters?: Parameters;
  /** Hears what takes time, what the machine lacks, and faults that no owner sees. Default: nobody. */
  readonly notice?: (text: string) => void;
  /** Stops the service, as `close` does. */
  readonly signal?: AbortSignal;
}

/** A service that runs. */
export interface RunningService extends AsyncDisposable {
  /** Without a slash at its end: what `connect` takes. */
  readonly url: string;
  /** Takes no new requests, lets those that came end, stops the worker (its task is begun again by the next service). */
  close(): Promise<void>;
}

/**
 * Serves programs over HTTP to their owner on this machine; needs evaluation keys, never a secret one. Runs them in a process of
 * its own. Below 128-bit security nothing is served.
 * @throws UsageError for a folder that is neither program nor model, ResourceError for a program that this machine can never
 * run, StartError where the service cannot start; errors as `compile`; the signal's reason
 */
export async function serve(options: ServeOptions): Promise<RunningService> {
  const { page = pageFolder(), notice = () => {}, ...rest } = options;
  // Loaded when something is served: HTTP and its schemas are no part of asking.
  const { startService } = await import('@cipherformer/service');
  const { service } = await startService({ ...rest, notice, ...(page === undefined ? {} : { page }) });
  const close = () => service.close();
  return { url: service.url, close, [Symbol.asyncDispose]: close };
}

import type { ChildProcess } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import type { FastifyServerOptions } from 'fastify';
import { makeApp } from './http/app.ts';
import { StartError } from './problem.ts';
import { Programs, type ServedProgram } from './programs.ts';
import { Service } from './service.ts';
import { StaticFolder } from './static-folder.ts';
import type { DiskSpace } from './store/room.ts';

/** How often connections are looked at while the service stops. */
const idleCheckMs = 50;

export interface ServeOptions {
  readonly programs: readonly ServedProgram[];
  /** Folder of all that is kept; made if it is not there. One service at a time. */
  readonly data: string;
  /** Default: one that is free. */
  readonly port?: number;
  /** 127.0.0.1 (default), ::1 or localhost: there are no tokens yet, so whoever reaches the service is its owner. */
  readonly host?: string;
  /** Folder of a page to serve at /. */
  readonly page?: string;
  /** Starts a process that calls `runWorker` (`@cipherformer/service/worker`), with an IPC channel: fork. */
  readonly spawnWorker: () => ChildProcess;
  /** Stops the service, as `close` does. */
  readonly signal?: AbortSignal;
  /** Settings of pino, or false (default). Nothing of anyone's data is logged. */
  readonly log?: FastifyServerOptions['logger'];
  /** How long requests and the worker may take to end when the service stops, in milliseconds. Default 10 s. */
  readonly graceMs?: number;
  /** How full the disk is. Default: asks the file system. */
  readonly diskSpace?: DiskSpace;
}

export interface RunningService {
  /** Without a slash at its end. */
  readonly url: string;
  /** Takes no new requests, lets those that came end, stops the worker (its task is begun again by the next service). */
  close(): Promise<void>;
}

/**
 * Serves programs to one owner on this machine. Nothing is acknowledged before it is on the disk: a kill -9 or a loss
 * of power loses nothing that was.
 * @throws StartError
 */
export async function serve(options: ServeOptions): Promise<RunningService> {
  const { host = '127.0.0.1', port = 0, graceMs = 10_000 } = options;
  if (!['127.0.0.1', '::1', 'localhost'].includes(host)) {
    throw new StartError(
      `${host} can be reached from other machines, and there are no tokens yet that tell owners apart: ` +
        'serve on 127.0.0.1, ::1 or localhost, and reach it through a tunnel (ssh -L)',
    );
  }
  const programs = await Programs.open(options.programs);
  const page = options.page === undefined ? undefined : await openPage(options.page);
  const service = await Service.open({
    data: options.data,
    programs,
    spawnWorker: options.spawnWorker,
    workerGraceMs: graceMs,
    diskSpace: options.diskSpace,
    onFault: (what, error) => app.log.error({ err: error }, what),
  });
  const app = makeApp({ service, page, logger: options.log });
  try {
    await app.listen({ host, port });
  } catch (error) {
    await service.close();
    throw new StartError(cannotListen(host, port, error), { cause: error });
  }
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= stop(app, service, graceMs);
    return closing;
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  if (options.signal?.aborted) void close();
  const address = app.server.address() as AddressInfo;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`, close };
}

function cannotListen(host: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const why = code === 'EADDRINUSE' ? 'it is taken' : code === 'EACCES' ? 'this user may not' : String(error);
  return `cannot listen at ${host}, port ${port}: ${why}; choose another port, or stop what listens there`;
}

async function stop(app: ReturnType<typeof makeApp>, service: Service, graceMs: number): Promise<void> {
  service.stop();
  // Connections that clients keep open after their last answer, also when that comes now, would hold up the end.
  const idle = setInterval(() => app.server.closeIdleConnections(), idleCheckMs);
  const late = setTimeout(() => app.server.closeAllConnections(), graceMs);
  await app.close();
  clearInterval(idle);
  clearTimeout(late);
  await service.close();
}

async function openPage(folder: string): Promise<StaticFolder> {
  let page: StaticFolder;
  try {
    page = await StaticFolder.open(folder);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`cannot read the page ${folder}: check the path`, { cause });
  }
  if (!page.has('index.html'))
    throw new StartError(`the page ${folder} has no index.html: build it, or give its folder`);
  return page;
}

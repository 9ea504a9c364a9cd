import type { ChildProcess } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MissingPackageError } from '@cipherformer/base';
import type { FastifyServerOptions } from 'fastify';
import type { OnFaultPoint } from './faults.ts';
import type { Access } from './http/access.ts';
import { makeApp } from './http/app.ts';
import { Metrics } from './http/metrics.ts';
import { type Limits, limitsSchema } from './limits.ts';
import { LocalBackend } from './local.ts';
import { StartError } from './problem.ts';
import { Programs, type ServedProgram } from './programs.ts';
import { Service, type ServiceOptions } from './service.ts';
import { SharedBackend, type SharedOptions } from './shared/backend.ts';
import { StaticFolder } from './static-folder.ts';
import type { DiskSpace } from './store/room.ts';

/** How long requests and the worker may take to end. */
const defaultGraceMs = 10_000;
/** How often connections are looked at while the service stops. */
const idleCheckMs = 50;
/** Names under which a service on loopback may be reached. */
const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const loopbackHosts = ['127.0.0.1', '::1', 'localhost'];

export interface ServeOptions {
  readonly programs: readonly ServedProgram[];
  /** Folder of all that is kept; made if it is not there. One service at a time. */
  readonly data: string;
  /**
   * What is kept lies on Redis and S3, for several services and workers; `data` then has what is on its way, and each of them
   * has its own. Work is done by workers (the verb worker), not by `spawnWorker`. Default: all is kept in `data`.
   */
  readonly shared?: SharedOptions;
  /** Default: one that is free. */
  readonly port?: number;
  /** Where to listen. Default 127.0.0.1. Beyond loopback with `tls` or `behindProxy` alone, and a token for every request. */
  readonly host?: string;
  /** Strangers get a token for the asking; every request needs one. */
  readonly open?: boolean;
  /** Certificate and key, PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** A proxy speaks TLS, says whose requests these are (X-Forwarded-For), and alone reaches this port. */
  readonly behindProxy?: boolean;
  /** Host names of the service, without ports. Default: those of loopback, or of the certificate, or any behind a proxy. */
  readonly names?: readonly string[];
  /** Origins (https://models.example) whose pages may use the service from a browser. Default: its own page alone. */
  readonly allowOrigins?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Port of /metrics, on loopback. Default: none. */
  readonly metricsPort?: number;
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
  /** Milliseconds since 1970. Default: the clock of the machine. */
  readonly now?: () => number;
  /** For tests: called at every step between which a crash may come. */
  readonly at?: OnFaultPoint;
  /** Of this release, for /openapi.json. */
  readonly version?: string;
}

export interface RunningService {
  /** Without a slash at its end. */
  readonly url: string;
  /** Where the figures are, if they are anywhere. */
  readonly metricsUrl?: string;
  /** Removes what has expired, as is done every minute. */
  tidy(): Promise<void>;
  /** Takes no new requests, lets those that came end, stops the worker (its task is begun again by the next service). */
  close(): Promise<void>;
}

/**
 * Serves programs. On loopback whoever asks without a token is the owner of this machine; with `open`, and beyond loopback,
 * every request needs a token, and nobody sees what is another's. Nothing is acknowledged before it is on the disk: a kill -9
 * or a loss of power loses nothing that was.
 * @throws StartError
 */
export async function serve(options: ServeOptions): Promise<RunningService> {
  const {
    host = '127.0.0.1',
    port = 0,
    graceMs = defaultGraceMs,
    tls,
    behindProxy = false,
    metricsPort,
    version = '0',
  } = options;
  const access = accessOf(options);
  const limits = limitsOf(options.limits);
  const programs = await Programs.open(options.programs);
  const page = options.page === undefined ? undefined : await openPage(options.page);
  const service = await openService(options, {
    programs,
    limits,
    onFault: (what, error) => app.log.error({ err: error }, what),
  });
  const metrics = metricsPort === undefined ? undefined : new Metrics(service);
  const app = makeApp({ service, access, page, logger: options.log, tls, behindProxy, metrics, version });
  let figures: Server | undefined;
  try {
    await app.listen({ host, port });
    if (metrics !== undefined) figures = await listenLocally(metrics.server(), metricsPort!);
  } catch (error) {
    await app.close();
    await service.close();
    if (error instanceof StartError) throw error;
    throw new StartError(cannotListen(host, port, error), { cause: error });
  }
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= stop(app, service, graceMs).finally(() => figures?.close());
    return closing;
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  if (options.signal?.aborted) void close();
  const address = app.server.address() as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    ...(figures === undefined
      ? {}
      : { metricsUrl: `http://127.0.0.1:${(figures.address() as AddressInfo).port}/metrics` }),
    tidy: () => service.tidy(),
    close,
  };
}

/** @throws StartError */
async function openService(
  { data, shared, spawnWorker, diskSpace, graceMs = defaultGraceMs, now, at }: ServeOptions,
  rest: Pick<ServiceOptions, 'programs' | 'limits' | 'onFault'>,
): Promise<Service> {
  try {
    const backend =
      shared === undefined
        ? await LocalBackend.open({ data, spawnWorker, workerGraceMs: graceMs, diskSpace })
        : await SharedBackend.open({ ...shared, data, diskSpace, now });
    return await Service.open({ ...rest, backend, now, at });
  } catch (cause) {
    throw cause instanceof StartError || cause instanceof MissingPackageError
      ? cause
      : new StartError(`cannot use ${data}: ${String(cause)}`, { cause });
  }
}

/** Who may ask. @throws StartError for what would let strangers in, or send keys in clear */
export function accessOf(
  options: Pick<ServeOptions, 'host' | 'open' | 'tls' | 'behindProxy' | 'names' | 'allowOrigins'>,
): Access {
  const { host = '127.0.0.1', open = false, tls, behindProxy = false, names, allowOrigins = [] } = options;
  const isLoopback = loopbackHosts.includes(host);
  if (!isLoopback && tls === undefined && !behindProxy) {
    throw new StartError(
      `${host} can be reached from other machines, where tokens and questions would go over the line in clear: ` +
        'give a certificate and its key, say that a proxy speaks TLS before it, or serve on 127.0.0.1 and reach it through a tunnel (ssh -L)',
    );
  }
  const always = { local: isLoopback && !open && !behindProxy, open, origins: allowOrigins.map(originOf) };
  // Whoever is on this machine has no token that a page elsewhere would lack.
  if (always.local && always.origins.length > 0)
    throw new StartError(
      'pages of other origins may ask where every request needs a token: serve it open, or behind a proxy',
    );
  if (names !== undefined) return { ...always, hosts: [...names.map((name) => name.toLowerCase()), ...(isLoopback ? loopbackNames : [])] }; // biome-ignore format: short
  if (isLoopback && !behindProxy) return { ...always, hosts: loopbackNames };
  return { ...always, hosts: tls === undefined ? undefined : namesOf(tls.cert) };
}

/** An origin as browsers send it. @throws StartError for an address that is none, and for one that everybody can have */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin =
    url !== undefined && url.origin !== 'null' && [url.origin, `${url.origin}/`].includes(text.toLowerCase());
  if (!isOrigin)
    throw new StartError(
      `${JSON.stringify(text)} is no origin: give scheme, host and port, as in https://models.example`,
    );
  return url.origin;
}

/** The names of a certificate; undefined, for any, where one of them stands for many. @throws StartError */
function namesOf(cert: string | Buffer): string[] | undefined {
  let alternative: string;
  try {
    alternative = new X509Certificate(cert).subjectAltName ?? '';
  } catch (cause) {
    throw new StartError('the certificate cannot be read: give it as PEM, with the chain below it', { cause });
  }
  const names = [...alternative.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name]) => name!.toLowerCase());
  if (names.length === 0 || names.some((name) => name.startsWith('*'))) return undefined;
  return names.map((name) => (name.includes(':') ? `[${name}]` : name));
}

/** @throws StartError */
function limitsOf(given: Partial<Limits> = {}): Limits {
  const parsed = limitsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new StartError(`the limit ${issue?.path.join('.')} cannot be used: ${issue?.message}`);
}

async function listenLocally(server: Server, port: number): Promise<Server> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new StartError(cannotListen('127.0.0.1', port, error), { cause: error });
  }
  return server;
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

import { apiPrefix } from '@cipherformer/client/protocol';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import type { StaticFolder } from '../static-folder.ts';
import { type Access, checkHost, ownerOf } from './access.ts';
import { discardRest, refuseEncoded } from './body.ts';
import { allowOrigin, preflight } from './cors.ts';
import { jobRoutes, submitRoute } from './jobs.ts';
import { keysetRoutes, partRoutes } from './keysets.ts';
import type { Metrics } from './metrics.ts';
import { ApiDescription } from './openapi.ts';
import { ownerRoutes } from './owners.ts';
import { notFound, sendProblem, toProblem } from './problems.ts';
import { programRoutes } from './programs.ts';
import { type App, useZod } from './zod.ts';

/** Most bytes of JSON: the list of the largest key set. */
const maxJsonBytes = 4 * 2 ** 20;
/** Longest time a request may take to arrive. */
const requestTimeoutMs = 300_000;

/** Longest time for the headers of a request, and between two requests on a connection. */
const headersTimeoutMs = 20_000;
const keepAliveMs = 30_000;

const securityHeaders = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export interface AppOptions {
  readonly service: Service;
  readonly access: Access;
  readonly page: StaticFolder | undefined;
  readonly logger: FastifyServerOptions['logger'];
  /** Certificate and key, PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** A proxy on this machine or network says whose requests these are. */
  readonly behindProxy?: boolean;
  readonly metrics?: Metrics | undefined;
  /** Of this release. */
  readonly version: string;
}

/** The routes of a service. Logs hold methods, routes, statuses and times: no addresses, and nothing of bodies. */
export function makeApp(options: AppOptions): App {
  const { service, access, page, logger, tls, behindProxy = false, metrics, version } = options;
  const app = useZod(
    Fastify({
      https: tls ?? null,
      logger: logger ?? false,
      logController: new LogController({ disableRequestLogging: true }),
      bodyLimit: maxJsonBytes,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      // The nearest proxy alone: what it was told by others, anybody can write.
      trustProxy: (_address, hop) => behindProxy && hop === 0,
      exposeHeadRoutes: false,
      forceCloseConnections: 'idle',
      // By problem documents, like all that is refused: what comes while it stops, and addresses that no route can read.
      return503OnClosing: false,
      frameworkErrors: (error, _request, reply) => {
        sendProblem(reply.headers(securityHeaders) as FastifyReply, toProblem(error));
      },
    }) as unknown as FastifyInstance,
  );
  app.server.headersTimeout = headersTimeoutMs;
  app.server.maxConnections = service.limits.connections;
  app.removeContentTypeParser('text/plain');
  const description = new ApiDescription();
  app.addHook('onRoute', (route) => description.add(route));
  app.decorateRequest('owner');

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    allowOrigin(request, reply, access.origins);
    checkHost(request, access);
  });
  app.addHook('onRequest', async () => {
    if (service.stopping.aborted)
      throw new Problem('stopping', 'the service is stopping', 'try again when it runs again', { retryAfter: 2 });
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    const { statusCode: status, elapsedTime: ms } = reply;
    request.log.info({ method, route: routeOptions.url, status, ms: Math.round(ms) });
    metrics?.answered({ method, route: routeOptions.url ?? 'none', status, ms });
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.problem === 'internal') request.log.error({ err: error });
    metrics?.refused(problem.problem);
    // Its sender is not waited for any longer.
    if (problem.problem === 'too-slow') reply.raw.once('finish', () => request.raw.socket.destroySoon());
    sendProblem(reply, problem);
    if (problem.problem !== 'too-slow') discardRest(request.raw);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, notFound());
    discardRest(request.raw);
  });

  preflight(app, access.origins);
  // Alive: a process that answers. Ready: one that takes work, which it does until it stops.
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', () => ({ status: 'ready', programs: service.programs.all().length }));
  app.get('/openapi.json', () => description.document(version));
  const identify = async (request: FastifyRequest) => {
    if (request.routeOptions.config.public !== true) request.owner = await ownerOf(request, service, access);
  };
  app.register(
    async (routes: App) => {
      routes.addHook('onRequest', identify);
      routes.addHook('preParsing', refuseEncoded);
      programRoutes(routes, service.programs);
      ownerRoutes(routes, service, access);
      keysetRoutes(routes, service);
      jobRoutes(routes, service);
    },
    { prefix: apiPrefix },
  );
  app.register(
    async (routes: App) => {
      routes.addHook('onRequest', identify);
      routes.removeAllContentTypeParsers();
      // The body is left where it is: the handler reads it.
      routes.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
      routes.addHook('preParsing', refuseEncoded);
      partRoutes(routes, service);
      submitRoute(routes, service);
    },
    { prefix: apiPrefix },
  );
  if (page !== undefined) {
    app.get('/*', (request, reply) => {
      const name = (request.params as { '*': string })['*'] || 'index.html';
      if (!page.has(name)) throw notFound();
      return page.send(name, request, reply, 'no-cache');
    });
  }
  return app;
}

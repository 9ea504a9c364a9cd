import { apiPrefix } from '@cipherformer/client/protocol';
import Fastify, { type FastifyReply, type FastifyServerOptions, LogController } from 'fastify';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import type { StaticFolder } from '../static-folder.ts';
import { discardRest } from './body.ts';
import { jobRoutes, submitRoute } from './jobs.ts';
import { keysetRoutes, partRoutes } from './keysets.ts';
import { notFound, sendProblem, toProblem } from './problems.ts';
import { programRoutes } from './programs.ts';
import { type App, useZod } from './zod.ts';

/** Most bytes of JSON: the list of the largest key set. */
const maxJsonBytes = 4 * 2 ** 20;
/** Longest time a request may take to arrive. */
const requestTimeoutMs = 300_000;

/** Names under which a service on loopback may be reached: a page elsewhere that points its own name here is refused. */
const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

const securityHeaders = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export interface AppOptions {
  readonly service: Service;
  readonly page: StaticFolder | undefined;
  readonly logger: FastifyServerOptions['logger'];
}

/** The routes of a service. Logs hold methods, routes, statuses and times: no addresses, and nothing of bodies. */
export function makeApp({ service, page, logger }: AppOptions): App {
  const app = useZod(
    Fastify({
      logger: logger ?? false,
      logController: new LogController({ disableRequestLogging: true }),
      bodyLimit: maxJsonBytes,
      requestTimeout: requestTimeoutMs,
      exposeHeadRoutes: false,
      forceCloseConnections: 'idle',
      // By problem documents, like all that is refused: what comes while it stops, and addresses that no route can read.
      return503OnClosing: false,
      frameworkErrors: (error, _request, reply) => {
        sendProblem(reply.headers(securityHeaders) as FastifyReply, toProblem(error));
      },
    }),
  );
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    const name = (request.headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
    if (!loopbackNames.includes(name)) {
      throw new Problem(
        'wrong-host',
        'this service answers on this machine only, under its own names',
        `use ${loopbackNames.join(', ')}`,
        { hosts: loopbackNames },
      );
    }
  });
  app.addHook('onRequest', async () => {
    if (service.stopping.aborted)
      throw new Problem('stopping', 'the service is stopping', 'try again when it runs again', { retryAfter: 2 });
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    request.log.info({ method, route: routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) });
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.problem === 'internal') request.log.error({ err: error });
    sendProblem(reply, problem);
    discardRest(request.raw);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, notFound());
    discardRest(request.raw);
  });

  app.get('/healthz', () => ({ status: 'ok' }));
  app.register(
    async (routes: App) => {
      programRoutes(routes, service.programs);
      keysetRoutes(routes, service);
      jobRoutes(routes, service);
    },
    { prefix: apiPrefix },
  );
  app.register(
    async (routes: App) => {
      routes.removeAllContentTypeParsers();
      // The body is left where it is: the handler reads it.
      routes.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
      routes.addHook('preParsing', async ({ headers }) => {
        if (headers['content-encoding'] !== undefined) throw Object.assign(new Error(), { statusCode: 415 });
      });
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

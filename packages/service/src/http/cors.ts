import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './zod.ts';

// Pages of other origins: those on the list may ask, and read what is answered. Tokens are sent by the page itself, so no
// cookie and no credential of the browser is asked for or allowed.

/** How long a browser remembers what it may send, in seconds. */
const rememberedSeconds = 3600;
const methods = 'GET, POST, PUT, PATCH, DELETE';
const sent = 'authorization, content-type, last-event-id, if-none-match';
const read = 'location, etag, retry-after';

/** Answers a browser's question before a request (204), for origins on the list. Others get no header, and so no answer. */
export function preflight(app: App, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.options('/*', (request, reply) => {
    if (isAllowed(request, origins))
      reply.headers({
        'access-control-allow-methods': methods,
        'access-control-allow-headers': sent,
        'access-control-max-age': rememberedSeconds,
      });
    return reply.code(204).send();
  });
}

/** Marks an answer as one that the asking page may read, where it may. */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  if (origins.length === 0) return;
  reply.header('vary', 'origin');
  if (!isAllowed(request, origins)) return;
  reply.headers({
    'access-control-allow-origin': request.headers.origin,
    'access-control-expose-headers': read,
    'cross-origin-resource-policy': 'cross-origin',
  });
}

function isAllowed({ headers: { origin } }: FastifyRequest, origins: readonly string[]): boolean {
  return origin !== undefined && origins.includes(origin);
}

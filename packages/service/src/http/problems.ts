import type { FastifyReply } from 'fastify';
import { Problem, unreachable } from '../problem.ts';
import { cannotWrite, isDiskFull, noRoom } from '../store/room.ts';

/** Any error as what the client is told. Messages of errors that are not ours may hold data: they are never passed on. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isDiskFull(error)) return noRoom();
  if (cannotWrite(error)) return unreachable();
  const status = statusOf(error);
  switch (status) {
    case 404:
      return notFound();
    case 413:
      return new Problem('too-large', 'the body is larger than this route takes', 'send less at once');
    case 415:
      return mediaType();
    default:
      if (status !== undefined && status < 500)
        return new Problem(
          'request-refused',
          'the request cannot be read: its body, its headers or its URL are malformed, or it was cut short',
          'check what sends it',
        );
      return new Problem(
        'internal',
        'the service failed at this request: a fault of its own',
        'try again; if it stays, look at the log of the service',
      );
  }
}

export function notFound(): Problem {
  return new Problem('not-found', 'there is nothing at this address', 'check the address and the method');
}

export function mediaType(): Problem {
  return new Problem(
    'media-type',
    'the body is of another type than this route takes, or encoded',
    'send JSON as application/json, parts and requests as application/octet-stream, without Content-Encoding',
  );
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfter } = problem.fields;
  if (typeof retryAfter === 'number') reply.header('retry-after', retryAfter);
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  // The connection ended before the body did: there is nobody to answer.
  if ('code' in error && error.code === 'ECONNRESET') return 400;
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

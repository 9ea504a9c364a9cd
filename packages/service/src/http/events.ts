import { Readable } from 'node:stream';
import { isFinal } from '@cipherformer/client/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JobEvent } from '../feed.ts';
import type { Service } from '../service.ts';
import type { JobRow } from '../store/rows.ts';

/** A sign of life this often: proxies and clients end connections on which nothing comes. */
const heartbeatMs = 15_000;

/**
 * A job as Server-Sent Events, until it is finished. Every event is the whole job as it is then, so a client that was
 * away misses nothing it needs: it says which event it saw last, and gets the next when there is one. A client that
 * cannot keep up gets fewer events, the last one always.
 */
export function sendEvents(service: Service, job: JobRow, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const seen = String(request.headers['last-event-id'] ?? '');
  // 204 tells an EventSource not to connect again. What is final was written down: its number outlives the process.
  if (isFinal(job.state) && seen.startsWith(`${job.event}-`)) return reply.code(204).send();
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, service.stopping]);
  return reply
    .type('text/event-stream')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .send(Readable.from(eventsOf(service, job.id, seen, signal), { objectMode: false }));
}

async function eventOf(service: Service, id: string, version: string): Promise<JobEvent | undefined> {
  const row = await service.jobs.find(id);
  if (row === undefined) return undefined;
  const data = JSON.stringify(await service.jobView(row));
  return { name: `${row.event}-${version}`, data, isLast: isFinal(row.state) };
}

async function* eventsOf(service: Service, id: string, lastSeen: string, signal: AbortSignal): AsyncGenerator<string> {
  let seen = lastSeen;
  // So that the headers go out at once.
  yield ': a job\nretry: 1000\n\n';
  for (;;) {
    // The version first: what changes from here on is told next.
    const version = service.feed.version(id);
    const event = await service.feed.event(id, version, () => eventOf(service, id, version));
    if (event === undefined) return;
    if (event.name !== seen) {
      seen = event.name;
      yield `id: ${event.name}\nevent: job\ndata: ${event.data}\n\n`;
    }
    if (event.isLast) return;
    try {
      if (!(await service.feed.next(id, version, heartbeatMs, signal))) yield ':\n\n';
    } catch {
      return; // The client went, or the service stops: it connects again.
    }
  }
}

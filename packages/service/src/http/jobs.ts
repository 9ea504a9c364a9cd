import { apiPrefix, digest, job, jobs as jobList, jobQuery } from '@cipherformer/client/protocol';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import { chunksOf, declaredBytes } from './body.ts';
import { sendEvents } from './events.ts';
import type { App } from './zod.ts';

/** Most bytes of one request. */
const maxRequestBytes = 256 * 2 ** 20;
const params = z.object({ id: digest });

/** Jobs: listed, watched, fetched, cancelled. Each is its owner's alone. */
export function jobRoutes(app: App, service: Service): void {
  const { jobs } = service;

  const list = { summary: 'The jobs of the owner, in the order in which they came', answers: { 200: jobList }, problems: [] } as const; // biome-ignore format: short
  app.get('/jobs', { config: { told: list } }, async ({ owner }) => ({
    jobs: await Promise.all((await jobs.all({ owner: owner.id })).map((row) => service.jobView(row))),
  }));

  const get = { summary: 'Its state', answers: { 200: job }, problems: ['unknown-job'] } as const;
  app.get('/jobs/:id', { schema: { params }, config: { told: get } }, async ({ owner, params: { id } }) =>
    service.jobView(await jobs.get(owner.id, id)),
  );

  const events = {
    summary: 'Its states as Server-Sent Events, to the end. Last-Event-ID takes them up again; 204 after the last',
    answers: { 200: 'text/event-stream', 204: undefined },
    problems: ['unknown-job'],
  } as const;
  app.get('/jobs/:id/events', { schema: { params }, config: { told: events } }, async (request, reply) =>
    sendEvents(service, await jobs.get(request.owner.id, request.params.id), request, reply),
  );

  const result = {
    summary: 'The encrypted result',
    answers: { 200: 'application/octet-stream' },
    problems: ['unknown-job', 'no-result'],
  } as const;
  app.get('/jobs/:id/result', { schema: { params }, config: { told: result } }, async (request, reply) => {
    const row = await jobs.get(request.owner.id, request.params.id);
    if (row.state !== 'done') throw noResult(row);
    const { bytes, stream } = await jobs.result(row);
    reply.type('application/octet-stream').header('cache-control', 'no-store').header('content-length', bytes);
    return reply.send(stream);
  });

  const remove = {
    summary: 'Cancels it, or removes one that is finished with its request and result (204)',
    answers: { 200: job, 204: undefined },
    problems: ['unknown-job'],
  } as const;
  app.delete(
    '/jobs/:id',
    { schema: { params }, config: { told: remove } },
    async ({ owner, params: { id } }, reply) => {
      const row = await service.cancelOrRemove(owner.id, id);
      return row === undefined ? reply.code(204).send() : service.jobView(row);
    },
  );
}

/** Requests, as bytes. */
export function submitRoute(app: App, service: Service): void {
  const { room, limits } = service;
  const told = {
    summary: 'A request: its id is a hash of what it computes, so it may be sent again',
    takes: { type: 'application/octet-stream', maxBytes: maxRequestBytes },
    answers: { 202: job },
    problems: ['unknown-program', 'program-retired', 'unknown-keyset', 'plan-mismatch', 'keyset-not-ready', 'queue-full', 'busy', 'day-spent', 'length-required', 'too-large', 'too-slow', 'secret-key', 'no-room'],
  } as const; // biome-ignore format: a list

  app.post('/jobs', { schema: { querystring: jobQuery }, config: { told } }, async (request, reply) => {
    const { owner, query } = request;
    await service.checkJob(owner, query);
    using _ = await room.promise(declaredBytes(request, maxRequestBytes));
    const row = await service.submit(owner, query, chunksOf(request.raw, limits.bytesPerSecond));
    reply.code(202).header('location', `${apiPrefix}/jobs/${row.id}`);
    return service.jobView(row);
  });
}

function noResult({ id, state }: { readonly id: string; readonly state: string }): Problem {
  const url = `${apiPrefix}/jobs/${id}`;
  const isUnderWay = state === 'queued' || state === 'running';
  const hint = isUnderWay ? `wait until it is done (GET ${url}/events)` : 'send the request again';
  return new Problem('no-result', `the job is ${state}: it has no result`, hint, { state });
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '@cipherformer/ckks/durable';
import { apiPrefix, digest, jobQuery } from '@cipherformer/client/protocol';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { Service } from '../service.ts';
import { writeHashed } from '../store/parts.ts';
import { chunksOf, declaredBytes } from './body.ts';
import { sendEvents } from './events.ts';
import type { App } from './zod.ts';

/** Most bytes of one request. */
const maxRequestBytes = 256 * 2 ** 20;
const params = z.object({ id: digest });

/** Jobs: listed, watched, fetched, cancelled. */
export function jobRoutes(app: App, service: Service): void {
  const { jobs } = service;

  app.get('/jobs', () => ({ jobs: jobs.all().map((record) => service.jobView(record)) }));

  app.get('/jobs/:id', { schema: { params } }, (request) => service.jobView(jobs.get(request.params.id)));

  app.get('/jobs/:id/events', { schema: { params } }, (request, reply) =>
    sendEvents(service, jobs.get(request.params.id).id, request, reply),
  );

  app.get('/jobs/:id/result', { schema: { params } }, async (request, reply) => {
    const { id, state } = jobs.get(request.params.id);
    if (state !== 'done') {
      const url = `${apiPrefix}/jobs/${id}`;
      const hint =
        state === 'queued' || state === 'running'
          ? `wait until it is done (GET ${url}/events)`
          : 'send the request again';
      throw new Problem('no-result', `the job is ${state}: it has no result`, hint, { state });
    }
    const path = jobs.resultPath(id);
    reply.type('application/octet-stream').header('cache-control', 'no-store');
    reply.header('content-length', (await stat(path)).size);
    return reply.send(createReadStream(path));
  });

  app.delete('/jobs/:id', { schema: { params } }, async (request, reply) => {
    const record = await service.cancelOrRemove(request.params.id);
    return record === undefined ? reply.code(204).send() : service.jobView(record);
  });
}

/** Requests, as bytes. */
export function submitRoute(app: App, service: Service): void {
  const { jobs, room } = service;

  app.post('/jobs', { schema: { querystring: jobQuery } }, async (request, reply) => {
    const { program, keyset } = request.query;
    service.checkJob(request.query);
    using _ = await room.promise(declaredBytes(request, maxRequestBytes));
    const stage = await jobs.stage();
    try {
      const input = await writeDurably(join(stage, 'request'), (file) => writeHashed(file, chunksOf(request.raw)));
      const record = await service.submit(stage, { program, keyset, input });
      reply.code(202).header('location', `${apiPrefix}/jobs/${record.id}`);
      return service.jobView(record);
    } finally {
      // Gone already when it became the job.
      await jobs.discard(stage);
    }
  });
}

import {
  apiPrefix,
  commit,
  digest,
  maxPartBytes,
  missingQuestion,
  openKeyset,
  shortId,
} from '@cipherformer/client/protocol';
import { z } from 'zod';
import type { Service } from '../service.ts';
import { chunksOf, declaredBytes, discardRest } from './body.ts';
import type { App } from './zod.ts';

const params = z.object({ id: shortId });

/** Key sets: made, listed, committed, removed. */
export function keysetRoutes(app: App, service: Service): void {
  const { keysets } = service;

  app.get('/keysets', () => ({ keysets: keysets.all().map((record) => service.keysetView(record)) }));

  app.post('/keysets', { schema: { body: openKeyset } }, async ({ body }, reply) => {
    const { record, created } = await service.openKeyset(body);
    reply.code(created ? 201 : 200).header('location', `${apiPrefix}/keysets/${record.id}`);
    return service.keysetView(record);
  });

  app.get('/keysets/:id', { schema: { params } }, (request) => service.keysetView(keysets.get(request.params.id)));

  app.delete('/keysets/:id', { schema: { params } }, async (request, reply) => {
    await service.removeKeyset(request.params.id);
    return reply.code(204).send();
  });

  app.post('/keysets/:id/parts/missing', { schema: { params, body: missingQuestion } }, (request) => {
    keysets.get(request.params.id);
    return { missing: service.parts.missing(request.body.sha256) };
  });

  app.post('/keysets/:id/commit', { schema: { params, body: commit } }, async (request, reply) => {
    reply.code(202);
    return service.keysetView(await service.commitKeyset(request.params.id, request.body.list));
  });
}

/** Parts of key sets, as bytes. */
export function partRoutes(app: App, { keysets, parts, room }: Service): void {
  const schema = { params: z.object({ id: shortId, sha256: digest }) };

  app.put('/keysets/:id/parts/:sha256', { schema }, async (request, reply) => {
    const { id, sha256 } = request.params;
    const bytes = declaredBytes(request, maxPartBytes);
    if (parts.has(sha256)) {
      keysets.get(id);
      discardRest(request.raw);
      return { sha256, created: false };
    }
    keysets.getOpen(id);
    using _ = await room.promise(bytes);
    await parts.put(sha256, chunksOf(request.raw));
    // It may have been deleted meanwhile: then nobody is told that its part is kept.
    keysets.getOpen(id);
    return reply.code(201).send({ sha256, created: true });
  });
}

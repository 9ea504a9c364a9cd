import {
  apiPrefix,
  commit,
  digest,
  keyset,
  keysetChange,
  keysets as keysetList,
  maxPartBytes,
  missingAnswer,
  missingQuestion,
  openKeyset,
  partAnswer,
  shortId,
} from '@cipherformer/client/protocol';
import { z } from 'zod';
import type { Service } from '../service.ts';
import { chunksOf, declaredBytes, discardRest } from './body.ts';
import type { App } from './zod.ts';

const params = z.object({ id: shortId });

/** Key sets: made, listed, committed, removed. Each is its owner's alone. */
export function keysetRoutes(app: App, service: Service): void {
  const { keysets } = service;

  const list = { summary: 'The key sets of the owner', answers: { 200: keysetList }, problems: [] } as const;
  app.get('/keysets', { config: { told: list } }, async ({ owner }) => ({
    keysets: await Promise.all((await keysets.all(owner.id)).map((row) => service.keysetView(row))),
  }));

  const open = {
    summary: 'A new key set, or the one of this plan and key that is there',
    answers: { 200: keyset, 201: keyset },
    problems: ['unknown-plan', 'list-mismatch', 'too-many-keysets', 'no-room', 'quota-exceeded'],
  } as const;
  app.post('/keysets', { schema: { body: openKeyset }, config: { told: open } }, async ({ body, owner }, reply) => {
    const { row, created } = await service.openKeyset(owner, body);
    reply.code(created ? 201 : 200).header('location', `${apiPrefix}/keysets/${row.id}`);
    return service.keysetView(row);
  });

  const get = { summary: 'Its state', answers: { 200: keyset }, problems: ['unknown-keyset'] } as const;
  app.get('/keysets/:id', { schema: { params }, config: { told: get } }, async ({ owner, params: { id } }) =>
    service.keysetView(await keysets.get(owner.id, id)),
  );

  const change = { ...get, summary: 'Sets when it goes that is not used before' };
  app.patch(
    '/keysets/:id',
    { schema: { params, body: keysetChange }, config: { told: change } },
    async ({ owner, params: { id }, body }) =>
      service.keysetView(await service.expireKeyset(owner, id, Date.parse(body.expires))),
  );

  const remove = {
    summary: 'Removes it, and the parts that no other key set of the owner has',
    answers: { 204: undefined },
    problems: ['unknown-keyset', 'keyset-in-use'],
  } as const;
  app.delete(
    '/keysets/:id',
    { schema: { params }, config: { told: remove } },
    async ({ owner, params: { id } }, reply) => {
      await service.removeKeyset(owner.id, id);
      return reply.code(204).send();
    },
  );

  const missing = {
    summary: 'Which of these parts the owner has not sent: how an upload goes on',
    answers: { 200: missingAnswer },
    problems: ['unknown-keyset'],
  } as const;
  app.post(
    '/keysets/:id/parts/missing',
    { schema: { params, body: missingQuestion }, config: { told: missing } },
    async ({ owner, params: { id }, body }) => {
      await keysets.get(owner.id, id);
      return { missing: await service.parts.missing(owner.id, body.sha256) };
    },
  );

  const committing = {
    summary: 'Makes it whole: a worker verifies the parts, then it is ready or rejected',
    answers: { 202: keyset },
    problems: ['unknown-keyset', 'parts-missing', 'list-mismatch', 'keyset-closed', 'busy', 'day-spent'],
  } as const;
  app.post(
    '/keysets/:id/commit',
    { schema: { params, body: commit }, config: { told: committing } },
    async ({ owner, params: { id }, body }, reply) => {
      reply.code(202);
      return service.keysetView(await service.commitKeyset(owner, id, body.list));
    },
  );
}

/** Parts of key sets, as bytes. */
export function partRoutes(app: App, service: Service): void {
  const { keysets, parts, limits } = service;
  const schema = { params: z.object({ id: shortId, sha256: digest }) };
  const told = {
    summary: 'A part: 201 when it is on the disk, 200 where it was there',
    takes: { type: 'application/octet-stream', maxBytes: maxPartBytes },
    answers: { 200: partAnswer, 201: partAnswer },
    problems: ['unknown-keyset', 'keyset-closed', 'length-required', 'too-large', 'digest-mismatch', 'secret-key', 'too-many-parts', 'too-slow', 'no-room', 'quota-exceeded'],
  } as const; // biome-ignore format: a list

  app.put('/keysets/:id/parts/:sha256', { schema, config: { told } }, async (request, reply) => {
    const { owner } = request;
    const { id: keyset, sha256 } = request.params;
    const bytes = declaredBytes(request, maxPartBytes);
    await keysets.get(owner.id, keyset);
    if (await parts.has(owner.id, sha256)) {
      discardRest(request.raw);
      return { sha256, created: false };
    }
    const chunks = chunksOf(request.raw, limits.bytesPerSecond);
    await service.putPart(owner, { keyset, sha256, bytes }, chunks);
    return reply.code(201).send({ sha256, created: true });
  });
}

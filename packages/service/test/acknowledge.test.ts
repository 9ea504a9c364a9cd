// A kill -9 does not lose what the system still holds in memory, a loss of power does: here the disk is held up, and
// nothing may be acknowledged, shown or counted on until it has said that the bytes and the names are there.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bundle, type Caller, caller, format, hex, key, listOf, part, plan, readyKeyset, request, serve, until, type Workspace, workspace } from './support.ts'; // biome-ignore format: a list

let files: Awaited<ReturnType<typeof bundle>>;
let place: Workspace;
let service: Awaited<ReturnType<typeof serve>>;
let api: Caller;
let prototype: { sync(): Promise<void> };

beforeAll(async () => {
  files = await bundle(['worker']);
  place = workspace();
  service = await serve(place.options(files.path('worker')));
  api = caller(service.url);
  const file = await open(join(place.folder, 'probe'), 'w');
  prototype = Object.getPrototypeOf(file);
  await file.close();
});
afterAll(async () => {
  await service.close();
  files.dispose();
  place.dispose();
});

/**
 * Does something while the disk is held up at its first synchronisation, then at its second, and so on: up to the one
 * by which it is durable it must not be answered, nor what is new be seen.
 * @param syncs how many it takes
 */
async function heldUp(
  syncs: number,
  act: () => Promise<{ status: number }>,
  isSeen: (() => Promise<boolean>) | undefined,
): Promise<void> {
  const waiting: (() => void)[] = [];
  const sync = prototype.sync;
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(function (this: unknown) {
    return new Promise<void>((resolve, reject) => {
      waiting.push(() => sync.call(this as { sync(): Promise<void> }).then(resolve, reject));
    });
  });
  try {
    let answered = false;
    const acting = act().finally(() => {
      answered = true;
    });
    for (let waits = 1; ; waits++) {
      await until(() => answered || waiting.length > 0, Boolean);
      if (waits <= syncs) {
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(answered).toBe(false);
        if (isSeen) expect(await isSeen()).toBe(false);
      }
      if (answered) break;
      for (const go of waiting.splice(0)) go();
    }
    expect([200, 201, 202, 204]).toContain((await acting).status);
    if (isSeen) expect(await isSeen()).toBe(true);
  } finally {
    spy.mockRestore();
    for (const go of waiting) go();
  }
}

const has = async (path: string) => (await api.call(path)).status === 200;

it('a part', async () => {
  const { id } = (await api.post('/v1/keysets', { plan, key: '1'.repeat(32), format })).json;
  const one = part('durable');
  const isThere = async () => (await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256] })).json.missing.length === 0; // biome-ignore format: short
  // The file, and the folder with its name.
  await heldUp(2, () => api.put(id, one), isThere);
  await api.call(`/v1/keysets/${id}`, { method: 'DELETE' });
});

it('a key set, its list, and its end', async () => {
  const create = () => api.post('/v1/keysets', { plan, key, format });
  const isListed = async () => (await api.call('/v1/keysets')).json.keysets.length === 1;
  // The document, its folder, and the folder of all.
  await heldUp(3, create, isListed);
  const { id } = (await create()).json;
  const one = part('listed');
  await api.put(id, one);
  const commit = () => api.post(`/v1/keysets/${id}/commit`, { list: listOf([one]) });
  const isCommitted = async () => (await api.call(`/v1/keysets/${id}`)).json.state !== 'open';
  // The list and its folder, the document and its folder.
  await heldUp(4, commit, isCommitted);
  await until(() => api.call(`/v1/keysets/${id}`), ({ json }) => json.state === 'ready'); // biome-ignore format: short
  const remove = () => api.call(`/v1/keysets/${id}`, { method: 'DELETE' });
  // What is removed may be gone before that is durable, but is not said to be.
  await heldUp(1, remove, undefined);
  expect(await has(`/v1/keysets/${id}`)).toBe(false);
});

it('a job, and its end', async () => {
  const set = await readyKeyset(api, [part('for jobs')]);
  const body = request({ salt: 'held up', steps: 1000, stepMs: 50 });
  const submit = () => api.submit(place.program.digest, set.id, body);
  const isListed = async () => (await api.call('/v1/jobs')).json.jobs.length === 1;
  // The request and its folder, the document and its folder, and the folder of all.
  await heldUp(5, submit, isListed);
  const [{ id, input }] = (await api.call('/v1/jobs')).json.jobs;
  expect(input).toBe(hex(body));
  const cancel = () => api.call(`/v1/jobs/${id}`, { method: 'DELETE' });
  await until(() => api.call(`/v1/jobs/${id}`), ({ json }) => json.state === 'running'); // biome-ignore format: short
  const isCancelled = async () => (await api.call(`/v1/jobs/${id}`)).json.state === 'cancelled';
  await heldUp(2, cancel, isCancelled);
  await heldUp(1, cancel, undefined);
  expect(await has(`/v1/jobs/${id}`)).toBe(false);
});

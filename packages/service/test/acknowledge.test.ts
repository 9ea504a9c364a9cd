// A kill -9 does not lose what the system still holds in memory, a loss of power does: here the disk is held up, and
// nothing may be acknowledged, shown or counted on until it has said that the bytes and the names are there.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bundle, type Caller, caller, format, hex, part, plan, readyKeyset, request, serve, until, type Workspace, workspace } from './support.ts'; // biome-ignore format: a list

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

it('a part', async () => {
  const { id } = (await api.post('/v1/keysets', { plan, key: '1'.repeat(32), format })).json;
  const one = part('durable');
  const isThere = async () => (await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256] })).json.missing.length === 0; // biome-ignore format: short
  // The file, the owner's folder in its own, and the folder with its name.
  await heldUp(3, () => api.put(id, one), isThere);
  await api.call(`/v1/keysets/${id}`, { method: 'DELETE' });
});

it('a job', async () => {
  const set = await readyKeyset(api, [part('for jobs')]);
  const body = request({ salt: 'held up', steps: 1000, stepMs: 50 });
  const submit = () => api.submit(place.program.digest, set.id, body);
  const isListed = async () => (await api.call('/v1/jobs')).json.jobs.length === 1;
  // The request, the owner's folder in its own, and the folder with its name.
  await heldUp(3, submit, isListed);
  const [{ id, input }] = (await api.call('/v1/jobs')).json.jobs;
  expect(input).toBe(hex(body));
  await api.call(`/v1/jobs/${id}`, { method: 'DELETE' });
});

it.each(['EIO', 'EROFS'])('nothing, where the disk says %s: whoever asks is told to come back', async (code) => {
  const { id } = (await api.post('/v1/keysets', { plan, key: '2'.repeat(32), format })).json;
  const one = part(`sent to a disk with ${code}`);
  const failing = vi.spyOn(prototype, 'sync').mockRejectedValue(Object.assign(new Error(code), { code }));
  const { status, json, headers } = await api.put(id, one);
  failing.mockRestore();
  expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'unreachable', '5']);
  expect((await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256] })).json.missing).toEqual([one.sha256]); // biome-ignore format: short
  expect((await api.put(id, one)).status).toBe(201);
});

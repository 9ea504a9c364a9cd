// A service that ends by kill -9 at one step, is started again, and a client that lets nothing be lost.
import { once } from 'node:events';
import type { Job, Keyset } from '@cipherformer/client';
import { expect } from 'vitest';
import type { FaultPoint } from '../src/faults.ts';
import { type Caller, caller, format, hex, key, listOf, part, plan, request, startProcess, stored, until, type Workspace } from './support.ts'; // biome-ignore format: a list

/** Whoever asks goes on for so long while the service is away. */
const awayMs = 30_000;

/**
 * Sends keys, asks, cancels and removes, through a service that is killed at its first `point`. Every request is repeated until
 * it is answered; what was answered must hold after the restart.
 * @returns how often the service was killed
 */
export async function surviveKill(
  files: { path(name: string): string },
  place: Workspace,
  point: FaultPoint,
): Promise<number> {
  const { spawnWorker: _, ...options } = place.options('');
  let service = await startProcess(files, options, point);
  const port = Number(new URL(service.url).port);
  const api = caller(service.url);
  let kills = 0;
  let isOver = false;
  const watching = (async () => {
    await once(service.child, 'exit');
    if (isOver) return;
    kills += service.child.signalCode === 'SIGKILL' ? 1 : 0;
    service = await startProcess(files, { ...options, port });
  })();

  type Answer = Awaited<ReturnType<Caller['call']>>;
  const ask = async (send: () => Promise<Answer>): Promise<Answer> => {
    for (const end = Date.now() + awayMs; ; ) {
      try {
        return await send();
      } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const get = (path: string) => ask(() => api.call(path));
  const remove = (path: string) => ask(() => api.call(path, { method: 'DELETE' }));
  const submit = (body: Uint8Array<ArrayBuffer>) => ask(() => api.submit(place.program.digest, id, body));
  const job = async (one: string) => (await get(`/v1/jobs/${one}`)).json as Job;

  const [first, second] = [part('the first part'), part('the second part')];
  const { id } = (await ask(() => api.post('/v1/keysets', { plan, key, format }))).json as Keyset;
  try {
    for (const one of [first, second]) {
      expect([200, 201]).toContain((await ask(() => api.put(id, one))).status);
      // What was acknowledged is there, also when it was just before the kill.
      const question = () => api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256] });
      expect((await ask(question)).json.missing).toEqual([]);
    }
    const list = listOf([first, second]);
    expect((await ask(() => api.post(`/v1/keysets/${id}/commit`, { list }))).status).toBe(202);
    await until(async () => (await get(`/v1/keysets/${id}`)).json.state, (state) => state === 'ready', awayMs); // biome-ignore format: short

    const body = request({ salt: 'answered' });
    const { id: answered } = (await submit(body)).json as Job;
    const done = await until(() => job(answered), ({ state }) => state === 'done', awayMs); // biome-ignore format: short
    // A kill in the middle of a run costs one more try, and no second answer.
    expect(done.attempts).toBeLessThanOrEqual(2);
    expect(((await submit(body)).json as Job).id).toBe(answered);
    expect(JSON.parse((await get(`/v1/jobs/${answered}/result`)).text).request).toBe(hex(body));

    const { id: cancelled } = (await submit(request({ salt: 'cancelled', steps: 2000, stepMs: 50 }))).json as Job;
    await until(() => job(cancelled), ({ state }) => state === 'running', awayMs); // biome-ignore format: short
    expect([200, 204]).toContain((await remove(`/v1/jobs/${cancelled}`)).status);
    const state = await get(`/v1/jobs/${cancelled}`);
    expect(state.status === 404 || state.json.state === 'cancelled').toBe(true);
    for (const one of [answered, cancelled]) {
      // The answer to the first may have been lost with the service: then it is gone already.
      expect([204, 404]).toContain((await remove(`/v1/jobs/${one}`)).status);
      expect((await get(`/v1/jobs/${one}`)).status).toBe(404);
    }
    expect([204, 404]).toContain((await remove(`/v1/keysets/${id}`)).status);
    expect((await get('/v1/keysets')).json.keysets).toEqual([]);
    isOver = true;
    if (kills > 0) await watching;
    service.child.kill('SIGTERM');
    await once(service.child, 'exit');
    // The next start sweeps what a kill left, if this one did not.
    service = await startProcess(files, options);
    expect(stored(place.data)).toEqual({ parts: [], requests: [], results: [], incoming: [] });
    return kills;
  } finally {
    isOver = true;
    await service.kill();
  }
}

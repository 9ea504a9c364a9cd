// A service or a worker that ends by kill -9 at one step, is started again, and a client that lets nothing be lost.
import { once } from 'node:events';
import type { Job, Keyset } from '@cipherformer/client';
import { expect } from 'vitest';
import { type FaultPoint, taskPoints } from '../src/faults.ts';
import type { ServiceProcess } from './killable.ts';
import type { Stage } from './stage.ts';
import { type Caller, caller, format, hex, key, listOf, part, plan, request, until } from './support.ts';

/** Whoever asks goes on for so long while the service is away. */
const awayMs = 30_000;

/** A process that is started again whenever it was killed. */
class Revived {
  kills = 0;
  #process: ServiceProcess;
  #isOver = false;
  readonly #watching: Promise<void>;

  constructor(first: ServiceProcess, again: () => Promise<ServiceProcess>) {
    this.#process = first;
    this.#watching = this.#watch(again);
    this.#watching.catch(() => {});
  }

  /** As a unit of systemd does; rejects where it was not killed alone. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#process.child.kill('SIGTERM');
    await this.#watching;
  }

  async kill(): Promise<void> {
    this.#isOver = true;
    await this.#process.kill();
  }

  async #watch(again: () => Promise<ServiceProcess>): Promise<void> {
    for (;;) {
      await once(this.#process.child, 'exit');
      if (this.#isOver) return;
      if (this.#process.child.signalCode !== 'SIGKILL') throw new Error('it ended by itself');
      this.kills++;
      this.#process = await again();
    }
  }
}

/**
 * Sends keys, asks, cancels and removes, through a service that is killed at its first `point`, or a worker. Every request is
 * repeated until it is answered; what was answered must hold after the restart.
 * @returns how often it was killed
 */
export async function surviveKill(stage: Stage, point: FaultPoint): Promise<number> {
  const isWorkers = stage.startWorker !== undefined && taskPoints.includes(point);
  const first = await stage.startService(isWorkers ? {} : { killedAt: point });
  const port = Number(new URL(first.url).port);
  const service = new Revived(first, () => stage.startService({ port }));
  const processes = [service];
  try {
    if (stage.startWorker) {
      const worker = await stage.startWorker(isWorkers ? { killedAt: point } : {});
      processes.push(new Revived(worker, () => stage.startWorker!()));
    }
    await useAll(caller(first.url), stage);
    for (const one of processes) await one.stop();
  } finally {
    for (const one of processes) await one.kill();
  }
  await stage.sweep();
  expect(await stage.stored()).toEqual({ parts: [], requests: [], results: [], incoming: [] });
  return processes.reduce((sum, { kills }) => sum + kills, 0);
}

type Answer = Awaited<ReturnType<Caller['call']>>;

async function useAll(api: Caller, stage: Stage): Promise<void> {
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
  const submit = (body: Uint8Array<ArrayBuffer>) => ask(() => api.submit(stage.program, id, body));
  const job = async (one: string) => (await get(`/v1/jobs/${one}`)).json as Job;

  const [first, second] = [part('the first part'), part('the second part')];
  const { id } = (await ask(() => api.post('/v1/keysets', { plan, key, format }))).json as Keyset;
  for (const one of [first, second]) {
    expect([200, 201]).toContain((await ask(() => api.put(id, one))).status);
    // What was acknowledged is there, also when it was just before the kill.
    const question = () => api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256] });
    expect((await ask(question)).json.missing).toEqual([]);
  }
  const list = listOf([first, second]);
  expect((await ask(() => api.post(`/v1/keysets/${id}/commit`, { list }))).status).toBe(202);
  await until(async () => (await get(`/v1/keysets/${id}`)).json.state, (state) => state === 'ready', stage.patienceMs); // biome-ignore format: short

  const body = request({ salt: 'answered' });
  const { id: answered } = (await submit(body)).json as Job;
  const done = await until(() => job(answered), ({ state }) => state === 'done', stage.patienceMs); // biome-ignore format: short
  // A kill in the middle of a run costs one more try, and no second answer.
  expect(done.attempts).toBeLessThanOrEqual(2);
  expect(((await submit(body)).json as Job).id).toBe(answered);
  expect(JSON.parse((await get(`/v1/jobs/${answered}/result`)).text).request).toBe(hex(body));

  const { id: cancelled } = (await submit(request({ salt: 'cancelled', steps: 2000, stepMs: 50 }))).json as Job;
  await until(() => job(cancelled), ({ state }) => state === 'running', stage.patienceMs); // biome-ignore format: short
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
}

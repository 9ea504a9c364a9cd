import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Keyset } from '@cipherformer/client';
import { expect } from 'vitest';
import type { Stage } from './stage.ts';
import { type Caller, caller, format, hex, listOf, type Part, plan, randomParts, readyKeyset, request, until } from './support.ts'; // biome-ignore format: a list

export interface KillReport {
  readonly kills: number;
  readonly parts: number;
  readonly keysets: number;
  readonly jobs: number;
  /** Kills that hit while something was being written: its temporary file was there. */
  readonly halfWritten: number;
}

/** That a task ended since kill after kill hit it: what is promised of one that seems to end whoever computes it. */
const isOfKills = ({ reason = '' }: Keyset | Job) =>
  reason.startsWith('it was begun 3 times, and each time the service');

/** Of kills where there are workers beside a service: those of a worker. */
const workerShare = 0.3;

/**
 * Kills the service by -9 at random moments while it takes parts, key sets and jobs, or a worker beside it, starts it again
 * each time, and checks that whatever it had acknowledged is there, whole, and that nothing half-written is.
 * @param worker the file of the processes that compute, none of which may outlive its service
 */
export async function killRepeatedly(
  stage: Stage,
  kills: number,
  random: () => number,
  worker: string,
): Promise<KillReport> {
  const parts = new Map<string, Part>();
  const keysets = new Map<string, 'open' | 'committed'>();
  const jobs = new Map<string, Job['state']>();
  const removed = new Set<string>();
  let halfWritten = 0;
  let names = 0;

  /** Uses the service until it dies. */
  async function use(api: Caller, base: string, isOver: () => boolean): Promise<void> {
    const upload = async () => {
      while (!isOver()) {
        const [one] = randomParts(1, 1 + Math.floor(random() * 2 ** 19));
        if ((await api.put(base, one!)).status === 201) parts.set(one!.sha256, one!);
      }
    };
    const keep = async () => {
      while (!isOver()) {
        const key = hex(`kill ${names++}`).slice(0, 32);
        const { json } = await api.post('/v1/keysets', { plan, key, format });
        keysets.set(json.id, 'open');
        const [one] = randomParts(1, 1000);
        if ((await api.put(json.id, one!)).status !== 201) continue;
        parts.set(one!.sha256, one!);
        if ((await api.post(`/v1/keysets/${json.id}/commit`, { list: listOf([one!], { key }) })).status === 202)
          keysets.set(json.id, 'committed');
      }
    };
    const ask = async () => {
      while (!isOver()) {
        const keyset = (await api.call('/v1/keysets')).json.keysets.find(({ state }: { state: string }) => state === 'ready'); // biome-ignore format: short
        if (keyset === undefined) continue;
        const { status, json } = await api.submit(stage.program, keyset.id, request({ salt: `${names++}` }));
        if (status !== 202) continue;
        jobs.set(json.id, 'queued');
        const { json: now } = await api.call(`/v1/jobs/${json.id}`);
        jobs.set(json.id, now.state);
        const known = [...jobs].find(([, state]) => state === 'done');
        if (known === undefined || random() < 0.7) continue;
        const [id] = known;
        jobs.delete(id);
        if ((await api.call(`/v1/jobs/${id}`, { method: 'DELETE' })).status === 204) removed.add(id);
      }
    };
    // A request that the kill cuts off was not acknowledged: whatever became of it is right.
    await Promise.all([upload, upload, upload, keep, ask].map((task) => task().catch(() => {})));
  }

  async function check(api: Caller, base: string): Promise<void> {
    const digests = [...parts.keys()];
    for (let at = 0; at < digests.length; at += 1000) {
      const sha256 = digests.slice(at, at + 1000);
      expect((await api.post(`/v1/keysets/${base}/parts/missing`, { sha256 })).json.missing).toEqual([]);
    }
    // Whatever is there under its name is whole, acknowledged or not; what is not has been swept.
    for (const name of (await stage.stored()).parts) expect(hex(await stage.part(name))).toBe(name);
    const listed = new Map(((await api.call('/v1/keysets')).json.keysets as Keyset[]).map((one) => [one.id, one]));
    for (const [id, state] of keysets) {
      const now = listed.get(id);
      if (state === 'open') expect(now).toBeDefined();
      else
        expect(now && (['verifying', 'ready'].includes(now.state) || isOfKills(now)), JSON.stringify(now)).toBe(true);
    }
    for (const [id, state] of jobs) {
      const { status, json } = await api.call(`/v1/jobs/${id}`);
      expect(status).toBe(200);
      if (state === 'done') expect(json.state).toBe('done');
      if (json.state === 'done') expect(JSON.parse((await api.call(`/v1/jobs/${id}/result`)).text).request).toBe(json.input); // biome-ignore format: short
    }
    for (const id of removed) expect((await api.call(`/v1/jobs/${id}`)).status).toBe(404);
    expect((await stage.stored()).incoming).toEqual([]);
  }

  let service = await stage.startService();
  let working = await stage.startWorker?.();
  try {
    await readyKeyset(caller(service.url), randomParts(1, 1000));
    let base = '';
    for (let killed = 0; killed < kills; killed++) {
      const api = caller(service.url);
      base = (await api.post('/v1/keysets', { plan, key: 'f'.repeat(32), format })).json.id;
      let over = false;
      const using = use(api, base, () => over);
      await new Promise((resolve) => setTimeout(resolve, 50 + random() * 300));
      const isOfWorker = working !== undefined && random() < workerShare;
      await (isOfWorker ? working : service)!.kill();
      over = true;
      await using;
      if ((await stage.stored()).incoming.length > 0) halfWritten++;
      if (isOfWorker) working = await stage.startWorker!();
      else service = await stage.startService();
      await check(caller(service.url), base);
    }
    // Nothing is stuck: all that was committed and queued comes to its end.
    const api = caller(service.url);
    for (const [id, state] of keysets)
      if (state === 'committed') await until(async () => (await api.call(`/v1/keysets/${id}`)).json as Keyset, (now) => now.state === 'ready' || isOfKills(now), stage.patienceMs); // biome-ignore format: short
    for (const id of jobs.keys())
      await until(async () => (await api.call(`/v1/jobs/${id}`)).json as Job, (now) => now.state === 'done' || isOfKills(now), stage.patienceMs); // biome-ignore format: short
    await service.kill();
    await working?.kill();
    await until(() => processesOf(worker), (count) => count === 0); // biome-ignore format: short
    return { kills, parts: parts.size, keysets: keysets.size, jobs: jobs.size + removed.size, halfWritten };
  } finally {
    await service.kill();
    await working?.kill();
  }
}

/** Processes that run a file, where there is /proc. */
function processesOf(file: string): number {
  if (!existsSync('/proc')) return 0;
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').split('\0');
    } catch {
      return [];
    }
  }); // biome-ignore format: short
  return commands.filter((words) => words[1] === file).length;
}

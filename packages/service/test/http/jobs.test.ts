import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, Transport } from '@cipherformer/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orders } from '../fixtures/orders.ts';
import {
  bundle, type Caller, caller, format, fresh, hex, part, plan, readyKeyset, serve, until, type Workspace, workspace,
} from '../support.ts'; // biome-ignore format: a list

let files: Awaited<ReturnType<typeof bundle>>;
let place: Workspace;
let service: Awaited<ReturnType<typeof serve>>;
let api: Caller;
let keyset: string;
const parts = [part('first part'), part('second part')];

beforeAll(async () => {
  files = await bundle(['worker']);
  place = workspace();
  service = await serve(place.options(files.path('worker')));
  api = caller(service.url);
  keyset = (await readyKeyset(api, parts)).id;
});
afterAll(async () => {
  await service.close();
  files.dispose();
  place.dispose();
});

const submit = async (orders: Orders = {}): Promise<Job> =>
  (await api.submit(place.program.digest, keyset, fresh(orders))).json;
const jobOf = async (id: string): Promise<Job> => (await api.call(`/v1/jobs/${id}`)).json;
const ended = (id: string) => until(() => jobOf(id), ({ state }) => ['done', 'failed', 'cancelled'].includes(state)); // biome-ignore format: short
const running = (id: string) => until(() => jobOf(id), ({ state }) => state === 'running'); // biome-ignore format: short
const resultOf = async (id: string) => JSON.parse((await api.call(`/v1/jobs/${id}/result`)).text);
const remove = (id: string) => api.call(`/v1/jobs/${id}`, { method: 'DELETE' });

describe('jobs', () => {
  it('compute the request on the program and the keys', async () => {
    const body = fresh();
    const sent = await api.submit(place.program.digest, keyset, body);
    expect(sent.status).toBe(202);
    expect(sent.headers.get('location')).toBe(`/v1/jobs/${sent.json.id}`);
    expect(sent.json).toMatchObject({ program: place.program.digest, keyset, input: hex(body) });
    expect(await ended(sent.json.id)).toMatchObject({ state: 'done', attempts: 1 });
    expect(await resultOf(sent.json.id)).toMatchObject({
      program: place.program.folder,
      request: hex(body),
      parts: parts.map(({ sha256 }) => sha256),
    });
    expect((await api.call('/v1/jobs')).json.jobs.map(({ id }: Job) => id)).toContain(sent.json.id);
  });

  it('are named by what they compute: the same request again is the same job, and runs once', async () => {
    const body = fresh();
    const first = (await api.submit(place.program.digest, keyset, body)).json as Job;
    const many = await Promise.all(Array.from({ length: 6 }, () => api.submit(place.program.digest, keyset, body)));
    for (const { status, json } of many) expect([status, json.id]).toEqual([202, first.id]);
    await ended(first.id);
    const after = await api.submit(place.program.digest, keyset, body);
    expect(after.json).toMatchObject({ id: first.id, state: 'done', attempts: 1 });
    const text = ['cipherformer job 2', 'local', place.program.digest, keyset, hex(body)].join('\n');
    expect(first.id).toBe(createHash('sha256').update(text).digest('hex'));
    expect(readdirSync(join(place.data, 'incoming'))).toEqual([]);
  });

  it('use keys that the worker has loaded already', async () => {
    const { id: first } = await submit();
    await ended(first);
    const { id: second } = await submit();
    await ended(second);
    const [a, b] = [await resultOf(first), await resultOf(second)];
    expect(b).toMatchObject({ pid: a.pid, wasLoaded: true });
  });

  it('are refused before their body is read when they cannot run', async () => {
    const open = (await api.post('/v1/keysets', { plan, key: '1'.repeat(32), format })).json.id;
    const cases = [
      [hex('another'), keyset, 404, 'unknown-program'],
      [place.program.digest, '0'.repeat(32), 404, 'unknown-keyset'],
      [place.program.digest, open, 409, 'keyset-not-ready'],
      ['x', keyset, 400, 'invalid'],
      [place.program.digest, 'x', 400, 'invalid'],
    ] as const;
    for (const [program, set, status, code] of cases) {
      const answer = await api.submit(program, set, fresh());
      expect([answer.status, answer.json.code]).toEqual([status, code]);
      if (code === 'keyset-not-ready') expect(answer.json).toMatchObject({ state: 'open', keyset: `/v1/keysets/${open}` }); // biome-ignore format: short
    }
    await api.call(`/v1/keysets/${open}`, { method: 'DELETE' });
  });

  it('that fail say why, and can be sent again', async () => {
    const body = fresh({ fail: 'the request is of another program' });
    const { id } = (await api.submit(place.program.digest, keyset, body)).json;
    expect(await ended(id)).toMatchObject({ state: 'failed', reason: 'the request is of another program' });
    const { status, json } = await api.call(`/v1/jobs/${id}/result`);
    expect([status, json.code, json.state]).toEqual([409, 'no-result', 'failed']);
    expect((await api.submit(place.program.digest, keyset, body)).json).toMatchObject({ id, attempts: 0 });
    await ended(id);
    const empty = await submit({ noResult: true });
    expect(await ended(empty.id)).toMatchObject({ state: 'failed', reason: 'the engine left no result' });
    const long = await submit({ fail: 'x'.repeat(5000) });
    expect((await ended(long.id)).reason).toHaveLength(2000);
  });

  it('that do not exist are said to be unknown, on every route', async () => {
    const id = hex('no job');
    for (const path of ['', '/events', '/result']) {
      const { status, json } = await api.call(`/v1/jobs/${id}${path}`);
      expect([status, json.code]).toEqual([404, 'unknown-job']);
    }
    expect((await remove(id)).json.code).toBe('unknown-job');
  });

  it('wait for their turn, and say how many come before them', async () => {
    const first = await submit({ steps: 100, stepMs: 100 });
    await running(first.id);
    const second = await submit();
    const third = await submit();
    expect([await jobOf(second.id), await jobOf(third.id)]).toMatchObject([{ state: 'queued', place: 1 }, { state: 'queued', place: 2 }]); // biome-ignore format: short
    expect((await remove(second.id)).json.state).toBe('cancelled');
    expect(await jobOf(third.id)).toMatchObject({ state: 'queued', place: 1 });
    const { done, total, secondsLeft } = await jobOf(first.id);
    expect(total).toBe(100);
    expect(secondsLeft).toBeCloseTo((100 - done!) / 10);
    await remove(first.id);
    await ended(third.id);
  });

  it('are refused when too many wait', async () => {
    const first = await submit({ steps: 1000, stepMs: 100 });
    const waiting: string[] = [];
    for (;;) {
      const { status, json, headers } = await api.submit(place.program.digest, keyset, fresh());
      if (status === 202) {
        waiting.push(json.id);
        expect(waiting.length).toBeLessThan(100);
        continue;
      }
      expect([status, json.code]).toEqual([429, 'queue-full']);
      expect(headers.get('retry-after')).toBe(String(json.retryAfter));
      break;
    }
    for (const id of [...waiting, first.id]) await remove(id);
    expect((await ended((await submit()).id)).state).toBe('done');
  });
});

describe('cancelling', () => {
  it('stops a job that runs, and the next begins', async () => {
    const job = await submit({ steps: 1000, stepMs: 50 });
    await running(job.id);
    expect((await remove(job.id)).json).toMatchObject({ state: 'cancelled' });
    expect((await ended((await submit()).id)).state).toBe('done');
    expect((await jobOf(job.id)).state).toBe('cancelled');
  });

  it('kills a worker that does not hear', async () => {
    const deaf = await submit({ deafMs: 60_000, steps: 5 });
    await until(() => jobOf(deaf.id), ({ total }) => total === 5); // biome-ignore format: short
    await remove(deaf.id);
    const next = await submit();
    expect((await ended(next.id)).state).toBe('done');
    expect((await resultOf(next.id)).wasLoaded).toBe(false);
  });

  it('and sending it again at once runs it, whatever the first run still does', async () => {
    const body = fresh({ steps: 4, stepMs: 100 });
    const { id } = (await api.submit(place.program.digest, keyset, body)).json;
    await running(id);
    await remove(id);
    expect((await api.submit(place.program.digest, keyset, body)).json).toMatchObject({ id, state: 'queued' });
    expect((await ended(id)).state).toBe('done');
  });

  it('a finished job removes it with its request and result', async () => {
    const { id } = await submit();
    await ended(id);
    expect((await remove(id)).status).toBe(204);
    expect((await api.call(`/v1/jobs/${id}`)).status).toBe(404);
    for (const kind of ['requests', 'results']) expect(readdirSync(join(place.data, kind, 'local'))).not.toContain(id);
  });
});

describe('a worker that dies', () => {
  it('once or twice does not lose the job', async () => {
    for (const die of [1, 2]) {
      const { id } = await submit({ die });
      expect(await ended(id)).toMatchObject({ state: 'done', attempts: die + 1 });
    }
  });

  it('each time fails the job at the third try with the reason, and not the next', async () => {
    const poison = await submit({ die: 'always' });
    const next = await submit();
    const { state, attempts, reason } = await ended(poison.id);
    expect([state, attempts]).toEqual(['failed', 3]);
    expect(reason).toMatch(/SIGKILL.*3 tries/);
    expect((await ended(next.id)).state).toBe('done');
  });

  it('or cannot be started fails the job as well', async () => {
    const other = workspace();
    const own = await serve(other.options('', { spawnWorker: () => fork(join(other.folder, 'missing.mjs'), { stdio: 'ignore' }) })); // biome-ignore format: short
    try {
      const set = await readyKeyset(caller(own.url), parts);
      expect(set.state).toBe('rejected');
      expect(set.reason).toMatch(/worker process ended.*3 tries/);
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it('or says what it should not is killed and replaced', async () => {
    const other = workspace();
    const liar = join(other.folder, 'liar.mjs');
    writeFileSync(liar, "process.on('message', ({ task }) => process.send({ type: 'done', task, more: '<script>' }));");
    let started = 0;
    const own = await serve(
      other.options('', { spawnWorker: () => fork(started++ === 0 ? liar : files.path('worker')) }),
    );
    try {
      expect((await readyKeyset(caller(own.url), parts)).state).toBe('ready');
      expect(started).toBe(2);
    } finally {
      await own.close();
      other.dispose();
    }
  });
});

describe('key sets in use', () => {
  it('are not deleted under a job; deleted, no worker keeps them', async () => {
    const set = await readyKeyset(api, [part('of this test')], { key: hex('in use').slice(0, 32) });
    const job = (await api.submit(place.program.digest, set.id, fresh({ steps: 1000, stepMs: 50 }))).json as Job;
    await running(job.id);
    const refused = await api.call(`/v1/keysets/${set.id}`, { method: 'DELETE' });
    expect([refused.status, refused.json.code, refused.json.jobs]).toEqual([409, 'keyset-in-use', [job.id]]);
    await remove(job.id);
    /** Whether its keys were in the worker's memory. */
    const wasLoaded = async () => {
      const { id } = (await api.submit(place.program.digest, set.id, fresh())).json as Job;
      await ended(id);
      return (await resultOf(id)).wasLoaded;
    };
    await wasLoaded();
    expect(await wasLoaded()).toBe(true);
    expect((await api.call(`/v1/keysets/${set.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await readyKeyset(api, [part('of this test')], { key: set.key })).id).toBe(set.id);
    expect(await wasLoaded()).toBe(false);
  });
});

it('key sets of another plan serve a program whose keys they all have, as it says', async () => {
  const other = workspace();
  const covered = { ...other.program, digest: hex('needs less'), plan: hex('a smaller plan'), covering: [plan] };
  const two = await serve(other.options(files.path('worker'), { programs: [other.program, covered] }));
  try {
    const own = caller(two.url);
    expect((await own.call(`/v1/programs/${covered.digest}`)).json.covering).toEqual([plan]);
    const { id: larger } = await readyKeyset(own, [part('of both')]);
    const { id: smaller } = await readyKeyset(own, [part('of one')], { plan: covered.plan });
    expect((await own.submit(covered.digest, larger, fresh())).status).toBe(202);
    expect((await own.submit(covered.digest, smaller, fresh())).status).toBe(202);
    expect((await own.submit(other.program.digest, smaller, fresh())).json.code).toBe('plan-mismatch');
  } finally {
    await two.close();
    other.dispose();
  }
});

describe('events', () => {
  /** What comes before the connection ends, or `enough` says so. */
  async function listen(id: string, lastEventId?: string, enough: (text: string) => boolean = () => false) {
    const stop = new AbortController();
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const response = await fetch(`${service.url}/v1/jobs/${id}/events`, { headers, signal: stop.signal });
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk);
        if (enough(text)) stop.abort();
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    const events = [...text.matchAll(/id: (.*)\nevent: job\ndata: (.*)\n\n/g)];
    return { status: response.status, headers: response.headers, events: events.map(([, event, data]) => ({ id: event!, job: JSON.parse(data!) as Job })) }; // biome-ignore format: short
  }

  it('tell every state up to the end', async () => {
    const first = await submit({ steps: 3, stepMs: 150 });
    const second = await submit({ steps: 3, stepMs: 120 });
    const { events, headers } = await listen(second.id);
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    const states = events.map(({ job }) => job.state).filter((state, i, all) => state !== all[i - 1]);
    expect(states).toEqual(['queued', 'loading', 'running', 'done']);
    expect(events.filter(({ job }) => job.state === 'running').map(({ job }) => `${job.done} of ${job.total}`)).toEqual(expect.arrayContaining(['0 of 3', '1 of 3', '2 of 3'])); // biome-ignore format: short
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect((await jobOf(first.id)).state).toBe('done');
  });

  it('go on after the last one seen, without repeating it', async () => {
    const { id } = await submit({ steps: 8, stepMs: 120 });
    const before = await listen(id, undefined, (text) => text.includes('"done":2'));
    const last = before.events.at(-1)!;
    const after = await listen(id, last.id);
    expect(after.events.map((event) => event.id)).not.toContain(last.id);
    expect(after.events[0]!.job.done).toBeGreaterThanOrEqual(last.job.done!);
    expect(after.events.at(-1)!.job.state).toBe('done');
    // The end has been seen: an EventSource is told not to come back.
    expect((await listen(id, after.events.at(-1)!.id)).status).toBe(204);
    // Who has not seen it is told, also with the name of an event of another process.
    expect((await listen(id, 'other.3')).events.map(({ job }) => job.state)).toEqual(['done']);
  });

  it('end when the job is cancelled or removed', async () => {
    const { id } = await submit({ steps: 1000, stepMs: 50 });
    const heard = listen(id);
    await running(id);
    await remove(id);
    expect((await heard).events.at(-1)!.job.state).toBe('cancelled');
  });

  it('reach the client of this repository over a service that is started again', async () => {
    const other = workspace();
    const port = Number(new URL(service.url).port) + 1;
    const start = () => serve(other.options(files.path('worker'), { port, graceMs: 1000 }));
    let own = await start();
    try {
      const set = await readyKeyset(caller(own.url), parts);
      const transport = new Transport(own.url, { retry: { firstMs: 50 } });
      const { id } = await transport.submit(other.program.digest, set.id, fresh({ steps: 20, stepMs: 100 }));
      const heard: Job[] = [];
      for await (const job of transport.events(id)) {
        heard.push(job);
        if (job.done === 2 && heard.filter(({ done }) => done === 2).length === 1) {
          await own.close();
          own = await start();
        }
      }
      expect(heard.at(-1)).toMatchObject({ state: 'done', attempts: 1 });
      expect(JSON.parse(Buffer.from(await transport.result(id)).toString()).parts).toHaveLength(2);
    } finally {
      await own.close();
      other.dispose();
    }
  });
});

// What a service does with what is under way when it stops, and finds when it starts again.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Job } from '@cipherformer/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orders } from '../fixtures/orders.ts';
import { bundle, caller, format, fresh, hex, part, plan, readyKeyset, serve, until, workspace } from '../support.ts';

let files: Awaited<ReturnType<typeof bundle>>;
const parts = [part('first part'), part('second part')];

beforeAll(async () => {
  files = await bundle(['worker']);
});
afterAll(() => files.dispose());

describe('stopping', () => {
  it('lets what has come end, takes nothing new, and waits for no one who is idle', async () => {
    const other = workspace();
    const own = await serve(other.options(files.path('worker'), { graceMs: 20_000 }));
    const { id } = (await caller(own.url).post('/v1/keysets', { plan, key: '1'.repeat(32), format })).json;
    const one = part('sent slowly');
    const socket = connect(Number(new URL(own.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    const head = `host: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: ${one.bytes.length}\r\n`;
    socket.write(`PUT /v1/keysets/${id}/parts/${one.sha256} HTTP/1.1\r\n${head}\r\n`);
    socket.write(one.bytes.subarray(0, 4));
    await until(() => readdirSync(join(other.data, 'parts')).length, (count) => count === 1); // biome-ignore format: short
    const from = performance.now();
    const closed = own.close();
    expect(own.close()).toBe(closed);
    await until(() => caller(own.url).call('/healthz').then(() => false, () => true), Boolean); // biome-ignore format: short
    socket.write(one.bytes.subarray(4));
    await until(() => answer, (text) => text.startsWith('HTTP/1.1 201 ')); // biome-ignore format: short
    await closed;
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(readFileSync(join(other.data, 'parts', one.sha256), 'utf8')).toBe('sent slowly');
    other.dispose();
  });

  it('cuts off who does not end in time', async () => {
    const other = workspace();
    const own = await serve(other.options(files.path('worker'), { graceMs: 300 }));
    const socket = connect(Number(new URL(own.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'POST /v1/keysets HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    await own.close();
    other.dispose();
  });

  it('when the signal says so', async () => {
    const other = workspace();
    const stop = new AbortController();
    const own = await serve(other.options(files.path('worker'), { signal: stop.signal }));
    stop.abort();
    await own.close();
    expect(readdirSync(other.data)).not.toContain('lock');
    other.dispose();
  });
});

describe('starting again', () => {
  it('takes up what was under way, and only that', async () => {
    const other = workspace();
    const start = () => serve(other.options(files.path('worker')));
    let own = await start();
    try {
      let there = caller(own.url);
      const set = await readyKeyset(there, parts);
      const send = async (orders: Orders): Promise<Job> =>
        (await there.submit(other.program.digest, set.id, fresh(orders))).json;
      const done = await send({});
      const long = await send({ steps: 10, stepMs: 100 });
      const waits = await send({});
      const cancelled = await send({});
      await there.call(`/v1/jobs/${cancelled.id}`, { method: 'DELETE' });
      await until(async () => (await there.call(`/v1/jobs/${long.id}`)).json, ({ state }) => state === 'running'); // biome-ignore format: short
      await own.close();
      expect(readdirSync(other.data)).not.toContain('lock');
      own = await start();
      there = caller(own.url);
      for (const { id } of [done, long, waits]) {
        const { attempts } = await until(async () => (await there.call(`/v1/jobs/${id}`)).json, ({ state }) => state === 'done'); // biome-ignore format: short
        expect(attempts).toBe(1);
      }
      expect((await there.call(`/v1/jobs/${cancelled.id}`)).json.state).toBe('cancelled');
      expect((await there.call('/v1/keysets')).json.keysets).toEqual([set]);
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it('begins again what a kill left half-way, and trusts a result that is there', async () => {
    const other = workspace();
    let own = await serve(other.options(files.path('worker')));
    try {
      const set = await readyKeyset(caller(own.url), parts);
      const ids: string[] = [];
      for (let i = 0; i < 2; i++) {
        const { id } = (await caller(own.url).submit(other.program.digest, set.id, fresh())).json;
        await until(async () => (await caller(own.url).call(`/v1/jobs/${id}`)).json.state, (state) => state === 'done'); // biome-ignore format: short
        ids.push(id);
      }
      await own.close();
      // As it is on disk while the worker is at it.
      const change = (path: string, changes: object) => {
        const record = JSON.parse(readFileSync(path, 'utf8'));
        writeFileSync(path, JSON.stringify({ ...record, finished: undefined, ...changes }));
      };
      for (const id of ids) change(join(other.data, 'jobs', id, 'job.json'), { state: 'running' });
      change(join(other.data, 'keysets', set.id, 'keyset.json'), { state: 'verifying' });
      rmSync(join(other.data, 'jobs', ids[0]!, 'result'));
      writeFileSync(join(other.data, 'jobs', ids[0]!, 'result.1.partial'), 'half a res');
      own = await serve(other.options(files.path('worker')));
      for (const [i, id] of ids.entries()) {
        const job = await until(async () => (await caller(own.url).call(`/v1/jobs/${id}`)).json, ({ state }) => state === 'done'); // biome-ignore format: short
        expect(job.attempts).toBe(i === 0 ? 2 : 1);
        expect(JSON.parse((await caller(own.url).call(`/v1/jobs/${id}/result`)).text).request).toBe(job.input);
        expect(readdirSync(join(other.data, 'jobs', id)).sort()).toEqual(['job.json', 'request', 'result']);
      }
      expect((await caller(own.url).call(`/v1/keysets/${set.id}`)).json.state).toBe('ready');
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it('fails the jobs of programs that are gone, and lets their key sets be', async () => {
    const other = workspace();
    let own = await serve(other.options(files.path('worker')));
    try {
      const set = await readyKeyset(caller(own.url), parts);
      const { id } = (await caller(own.url).submit(other.program.digest, set.id, fresh({ steps: 1000, stepMs: 50 })))
        .json;
      await own.close();
      own = await serve(other.options(files.path('worker'), { programs: [] }));
      const job = await until(async () => (await caller(own.url).call(`/v1/jobs/${id}`)).json, ({ state }) => state === 'failed'); // biome-ignore format: short
      expect(job.reason).toMatch(/not served here/);
      expect((await caller(own.url).call('/v1/keysets')).json.keysets).toEqual([set]);
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it.each([
    ['a key set', 'keysets', 'keyset.json', '{'],
    ['a key set', 'keysets', 'keyset.json', '{"id":"x"}'],
    ['a job', 'jobs', 'job.json', 'null'],
  ])('does not guess at a damaged document of %s', async (_, folder, file, text) => {
    const other = workspace();
    try {
      const own = await serve(other.options(files.path('worker')));
      const set = await readyKeyset(caller(own.url), parts);
      await caller(own.url).submit(other.program.digest, set.id, fresh());
      await own.close();
      const [record] = readdirSync(join(other.data, folder));
      const path = join(other.data, folder, record!, file);
      const good = readFileSync(path);
      writeFileSync(path, text);
      await expect(serve(other.options(files.path('worker')))).rejects.toThrow(`${path} is damaged`);
      writeFileSync(path, good);
      await (await serve(other.options(files.path('worker')))).close();
      rmSync(join(other.data, folder, record!), { recursive: true });
      await (await serve(other.options(files.path('worker')))).close();
    } finally {
      other.dispose();
    }
  });

  it.each([
    ['a host that others reach', { host: '0.0.0.0' }, /can be reached from other machines/],
    ['a page without an index', { page: import.meta.dirname }, /no index.html/],
    ['a page that is not there', { page: '/nowhere' }, /cannot read the page/],
    ['a program without a digest', { programs: [{ digest: 'x', plan, summary: {}, clientFolder: '.', clientFiles: [], folder: '.' }] }, /digest/],
    ['a client half that is not there', { programs: [{ digest: hex('x'), plan, summary: {}, clientFolder: '/nowhere', clientFiles: [], folder: '.' }] }, /client half/],
  ])('is refused with %s', async (_, changes, message) => {
    const other = workspace();
    await expect(serve(other.options('', changes))).rejects.toThrow(message);
    other.dispose();
  }); // biome-ignore format: a table

  it('is refused while another service has the folder or the port', async () => {
    const own = workspace();
    const other = workspace();
    const service = await serve(other.options(''));
    const { port } = new URL(service.url);
    await expect(serve(own.options('', { port: Number(port) }))).rejects.toThrow(/cannot listen at 127.0.0.1/);
    writeFileSync(join(own.data, 'lock'), `${process.ppid}\n`);
    await expect(serve(own.options(''))).rejects.toThrow(/in use by process/);
    // One that a crash left behind is no hindrance.
    for (const stale of ['', '999999999\n', `${process.pid}\n`]) {
      writeFileSync(join(own.data, 'lock'), stale);
      await (await serve(own.options(''))).close();
    }
    await service.close();
    own.dispose();
    other.dispose();
  });
});

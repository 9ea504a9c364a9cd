// What a service does with what is under way when it stops, and finds when it starts again.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Job } from '@cipherformer/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/store/database.ts';
import type { Orders } from '../fixtures/orders.ts';
import {
  bundle,
  caller,
  format,
  fresh,
  hex,
  part,
  plan,
  readyKeyset,
  serve,
  startProcess,
  stored,
  until,
  workspace,
} from '../support.ts';

let files: Awaited<ReturnType<typeof bundle>>;
const parts = [part('first part'), part('second part')];

beforeAll(async () => {
  files = await bundle(['worker', 'server']);
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
    await until(() => stored(other.data).incoming.length, (count) => count === 1); // biome-ignore format: short
    const from = performance.now();
    const closed = own.close();
    expect(own.close()).toBe(closed);
    await until(() => caller(own.url).call('/healthz').then(() => false, () => true), Boolean); // biome-ignore format: short
    socket.write(one.bytes.subarray(4));
    await until(() => answer, (text) => text.startsWith('HTTP/1.1 201 ')); // biome-ignore format: short
    await closed;
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(readFileSync(join(other.data, 'parts', 'local', one.sha256), 'utf8')).toBe('sent slowly');
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
    await (await serve(other.options(files.path('worker')))).close();
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
      own = await start();
      there = caller(own.url);
      for (const { id } of [done, long, waits]) {
        const { attempts } = await until(async () => (await there.call(`/v1/jobs/${id}`)).json, ({ state }) => state === 'done'); // biome-ignore format: short
        expect(attempts).toBe(1);
      }
      expect((await there.call(`/v1/jobs/${cancelled.id}`)).json.state).toBe('cancelled');
      expect((await there.call('/v1/keysets')).json.keysets).toEqual([{ ...set, used: expect.any(String), expires: expect.any(String) }]); // biome-ignore format: short
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
      const rows = new Database(join(other.data, 'service.db'));
      rows.run("update jobs set state = 'running', finished = null");
      rows.run("update keysets set state = 'verifying'");
      rows.close();
      const resultOf = (id: string) => join(other.data, 'results', 'local', id);
      rmSync(resultOf(ids[0]!));
      writeFileSync(`${resultOf(ids[0]!)}.1.partial`, 'half a res');
      writeFileSync(join(other.data, 'incoming', '1.partial'), 'half a par');
      writeFileSync(join(other.data, 'parts', 'local', hex('no row')), 'no row');
      mkdirSync(join(other.data, 'parts', 'nobody'));
      writeFileSync(join(other.data, 'parts', 'nobody', hex('no owner')), 'no owner');
      own = await serve(other.options(files.path('worker')));
      for (const [i, id] of ids.entries()) {
        const job = await until(async () => (await caller(own.url).call(`/v1/jobs/${id}`)).json, ({ state }) => state === 'done'); // biome-ignore format: short
        expect(job.attempts).toBe(i === 0 ? 2 : 1);
        expect(JSON.parse((await caller(own.url).call(`/v1/jobs/${id}/result`)).text).request).toBe(job.input);
      }
      const kept = {
        requests: ids.toSorted(),
        results: ids.toSorted(),
        parts: parts.map(({ sha256 }) => sha256).sort(),
      };
      expect(stored(other.data)).toEqual({ ...kept, incoming: [] });
      expect(stored(other.data, 'nobody').parts).toEqual([]);
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
      expect((await caller(own.url).call('/v1/keysets')).json.keysets).toEqual([{ ...set, used: expect.any(String), expires: expect.any(String) }]); // biome-ignore format: short
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it('asks again for a part whose file is gone', async () => {
    const other = workspace();
    try {
      let own = await serve(other.options(files.path('worker')));
      const { id } = (await caller(own.url).post('/v1/keysets', { plan, key: hex('a key').slice(0, 32), format })).json;
      for (const one of parts) await caller(own.url).put(id, one);
      await own.close();
      rmSync(join(other.data, 'parts', 'local', parts[0]!.sha256));
      own = await serve(other.options(files.path('worker')));
      const question = { sha256: parts.map(({ sha256 }) => sha256) };
      const { json } = await caller(own.url).post(`/v1/keysets/${id}/parts/missing`, question);
      expect(json.missing).toEqual([parts[0]!.sha256]);
      await own.close();
    } finally {
      other.dispose();
    }
  });

  it.each([
    ['no database', 'no database'.repeat(1000), /is damaged; restore it/],
    ['one of another release', undefined, /rows of version 99.*use the release that wrote it/],
  ])('does not guess at rows that are %s', async (_, text, message) => {
    const other = workspace();
    try {
      await (await serve(other.options(files.path('worker')))).close();
      const path = join(other.data, 'service.db');
      if (text === undefined) {
        const rows = new Database(path);
        rows.create('', 99);
        rows.close();
      } else {
        for (const name of readdirSync(other.data)) if (name.startsWith('service.db')) rmSync(join(other.data, name));
        writeFileSync(path, text);
      }
      await expect(serve(other.options(files.path('worker')))).rejects.toThrow(message);
      // Bytes of a database move between its file and its log when somebody opens it: what counts is what it says.
      if (text !== undefined) expect(readFileSync(path, 'utf8')).toBe(text);
      else {
        const rows = new Database(path);
        expect(rows.version).toBe(99);
        rows.close();
      }
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
    await expect(serve(other.options(''))).rejects.toThrow(/is in use by another service/);
    // Of another process, which is killed: nothing stale stays behind.
    const { spawnWorker: _, ...options } = own.options('');
    const killed = await startProcess(files, options);
    await expect(serve(own.options(''))).rejects.toThrow(/is in use by another service/);
    await killed.kill();
    await (await serve(own.options(''))).close();
    await service.close();
    own.dispose();
    other.dispose();
  });
});

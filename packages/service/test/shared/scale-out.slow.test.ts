// Several services and workers on one Redis and one bucket, all of them real: what the rows promise, what is refused at the
// start, and that each of two services and two workers may be killed without a loss.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from '@cipherformer/client';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Bucket, isAbsent } from '../../src/shared/bucket.ts';
import { BucketWork } from '../../src/shared/bucket-work.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { RedisRows } from '../../src/shared/redis-rows.ts';
import { RedisTurns } from '../../src/shared/redis-turns.ts';
import { claimsContract } from '../claims-contract.ts';
import { type ServiceProcess, startListening } from '../killable.ts';
import { rowsContract } from '../store/rows-contract.ts';
import { bundle, type Caller, caller, format, fresh, hex, key, listOf, type Part, plan, randomParts, serve, startProcess, until, workspace } from '../support.ts'; // biome-ignore format: a list
import { credentials, type Machine, startRedis, startS3 } from './machines.ts';

const folder = mkdtempSync(join(tmpdir(), 'scale-out-'));
const place = workspace();
let files: Awaited<ReturnType<typeof bundle>>;
let redisServer: Machine;
let s3: Machine;
let redis: Redis;
let bucket: Bucket;
let shared: { readonly redis: string; readonly bucket: string; readonly endpoint: string };

beforeAll(async () => {
  Object.assign(process.env, credentials);
  files = await bundle(['worker', 'server', 'shared-worker']);
  redisServer = await startRedis(join(folder, 'redis'));
  s3 = await startS3(join(folder, 's3'));
  shared = { redis: `redis://127.0.0.1:${redisServer.port}`, bucket: 'tests', endpoint: `http://127.0.0.1:${s3.port}` };
  redis = await connectRedis(shared.redis);
  bucket = await Bucket.open(shared);
});
afterEach(() => redis.flushdb());
afterAll(async () => {
  redis.disconnect();
  bucket.close();
  await redisServer.stop();
  await s3.stop();
  files.dispose();
  place.dispose();
  rmSync(folder, { recursive: true });
});

describe('rows in Redis', () => {
  rowsContract(async () => new RedisRows(redis));

  it('outlive a kill of Redis that comes after they were acknowledged', async () => {
    const at = join(folder, 'killed');
    let server = await startRedis(at);
    const first = await connectRedis(`redis://127.0.0.1:${server.port}`);
    const rows = new RedisRows(first);
    const names = Array.from({ length: 20 }, (_, i) => `owner ${i}`);
    for (const id of names) await rows.addOwner({ id, kind: 'token', name: id, token: null, created: 1 });
    await server.stop();
    rows.close();
    server = await startRedis(at);
    const again = await connectRedis(`redis://127.0.0.1:${server.port}`);
    expect((await new RedisRows(again).owners()).map(({ id }) => id).sort()).toEqual(names.sort());
    again.disconnect();
    await server.stop();
  });
});

describe('two workers at one task, rows in Redis', () => claimsContract(async () => new RedisRows(redis), place));

describe('a service is not started', () => {
  const start = (changes: object) =>
    serve({ ...place.options(''), data: join(folder, 'refused'), shared: { ...shared, ...changes } });

  it.each([
    [
      { appendonly: 'no' },
      /would lose what it has acknowledged \(appendonly no, appendfsync always\): set "appendonly yes"/,
    ],
    [{ appendfsync: 'everysec' }, /\(appendonly yes, appendfsync everysec\)/],
  ])('on a Redis that forgets: %j', async (settings, why) => {
    const server = await startRedis(join(folder, 'forgets'), settings);
    await expect(start({ redis: `redis://127.0.0.1:${server.port}` })).rejects.toThrow(why);
    await server.stop();
  });

  it('where nothing answers, without its bucket, and on rows of another release', async () => {
    await expect(start({ redis: 'redis://127.0.0.1:1' })).rejects.toThrow(/Redis at 127.0.0.1:1 cannot be used/);
    await expect(start({ redis: 'http://127.0.0.1' })).rejects.toThrow(/give it as redis:/);
    await expect(start({ bucket: 'nothing' })).rejects.toThrow(
      /bucket nothing at http:.* cannot be used \(NotFound, 404\)/,
    );
    await redis.set('cf:version', '99');
    await expect(start({})).rejects.toThrow(/has rows of version 99, this release writes 1/);
  });
});

describe('turns', () => {
  it('are one’s at a time, of two services too', async () => {
    const [a, b] = [new RedisTurns(redis), new RedisTurns(redis)];
    let inside = 0;
    const change = async () => {
      expect(++inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside--;
    };
    await Promise.all(Array.from({ length: 30 }, (_, i) => (i % 2 ? a : b).run('owner', change)));
    await expect(a.run('owner', () => Promise.reject(new Error('why')))).rejects.toThrow('why');
    await b.run('owner', change);
  });

  it('that were lost acknowledge nothing, and change no row', async () => {
    const turns = new RedisTurns(redis);
    const rows = new RedisRows(redis);
    const lost = { problem: 'unreachable' };
    await expect(turns.run('owner', () => redis.del('cf:turn:owner'))).rejects.toMatchObject(lost);
    // As after standing still for longer than the lease: by now another service makes changes.
    const late = turns.run('owner', async () => {
      await rows.addPart('owner', hex('in time'), 1);
      await redis.set('cf:turn:owner', 'another service');
      await rows.addPart('owner', hex('late'), 1);
    });
    await expect(late).rejects.toMatchObject(lost);
    expect(await rows.partsOf('owner')).toEqual([hex('in time')]);
    await redis.del('cf:turn:owner');
  });
});

describe('objects', () => {
  const file = (text: string) => {
    const path = join(folder, 'object');
    writeFileSync(path, text);
    return { path, bytes: text.length, sha256: hex(text) };
  };

  it('are what their digest says, or are refused', async () => {
    await bucket.put('a/b/c', file('bytes'));
    const { bytes, stream } = await bucket.get('a/b/c');
    expect([bytes, Buffer.concat(await stream.toArray()).toString()]).toEqual([5, 'bytes']);
    await expect(bucket.put('a/b/d', { ...file('bytes'), sha256: hex('others') })).rejects.toThrow();
    expect([await bucket.has('a/b/c'), await bucket.has('a/b/d')]).toEqual([true, false]);
    const listed: string[] = [];
    for await (const { name } of bucket.list('a/')) listed.push(name);
    expect(listed).toEqual(['a/b/c']);
    await bucket.remove('a/b/c');
    await expect(bucket.get('a/b/c').catch((error) => isAbsent(error))).resolves.toBe(true);
  });

  it('are fetched once, whole or not at all, and those used longest ago make room', async () => {
    const work = await BucketWork.open(bucket, join(folder, 'work'), 12);
    const [one, two] = ['0123456789', 'abcdefghij'] as const;
    for (const text of [one, two]) await bucket.put(`parts/owner/${hex(text)}`, file(text));
    const [path] = await work.parts({ id: 'first', owner: 'owner' }, [hex(one)]);
    expect(path).toContain('first');
    await bucket.remove(`parts/owner/${hex(one)}`);
    expect(await work.parts({ id: 'first', owner: 'owner' }, [hex(one), hex(one)])).toEqual([path, path]);
    await work.parts({ id: 'second', owner: 'owner' }, [hex(two)]);
    await work.parts({ id: 'second', owner: 'owner' }, [hex(two)]);
    expect(await work.keysets()).toEqual(['second']);
    await expect(work.parts({ id: 'first', owner: 'owner' }, [hex(one)])).rejects.toThrow(/is not there any more/);
    await bucket.put(`parts/owner/${hex(one)}`, file('something else'));
    await expect(work.parts({ id: 'first', owner: 'owner' }, [hex(one)])).rejects.toThrow(/is damaged/);
    await bucket.remove(`parts/owner/${hex(one)}`);
    await bucket.remove(`parts/owner/${hex(two)}`);
  });
});

describe('two services and two workers', () => {
  const programs = [place.program];
  const startService = (data: string, port = 0) => startProcess(files, { programs, data: join(folder, data), port, open: true, shared, graceMs: 1000 }); // biome-ignore format: short
  const startWorker = (data: string) =>
    startListening([
      files.path('shared-worker'),
      JSON.stringify({ ...shared, programs, data: join(folder, data) }),
      files.path('worker'),
    ]);
  const newOwner = async ({ url }: ServiceProcess) => (await caller(url).call('/v1/owners', { method: 'POST' })).json as { token: string }; // biome-ignore format: short
  /** Asks again while a service is away. */
  const patient = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (const end = Date.now() + 30_000; ; ) {
      try {
        return await ask();
      } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const ready = async (api: Caller, parts: readonly Part[]): Promise<string> => {
    const { id } = (await api.post('/v1/keysets', { plan, key, format })).json;
    for (const one of parts) expect((await api.put(id, one)).status).toBe(201);
    expect((await api.post(`/v1/keysets/${id}/commit`, { list: listOf(parts) })).status).toBe(202);
    await until(async () => (await api.call(`/v1/keysets/${id}`)).json.state, (state) => state === 'ready'); // biome-ignore format: short
    return id;
  };
  const stateOf = async (api: Caller, id: string): Promise<Job> =>
    (await patient(() => api.call(`/v1/jobs/${id}`))).json;
  const done = (api: Caller, id: string) =>
    until(
      () => stateOf(api, id),
      ({ state }) => state === 'done',
      60_000,
    );
  /** Which of them is at a task. */
  const busy = async (workers: readonly ServiceProcess[]) => {
    for (const worker of workers) if ((await redis.llen(`cf:queue:${worker.url}:active`)) > 0) return worker;
    return undefined;
  };

  it('answer for each other, and lose nothing when each of them is killed', async () => {
    let one = await startService('one');
    const two = await startService('two');
    const workers = [await startWorker('w1'), await startWorker('w2')];
    try {
      const { token } = await newOwner(one);
      const [a, b] = [caller(one.url, token), caller(two.url, token)];
      const other = caller(two.url, (await newOwner(two)).token);

      // A service is killed while parts arrive: what it acknowledged is there for the other one.
      const parts = randomParts(12, 200_000);
      const { id } = (await a.post('/v1/keysets', { plan, key, format })).json;
      for (const part of parts.slice(0, 6)) expect((await a.put(id, part)).status).toBe(201);
      const cutOff = parts.slice(6, 9).map((part) => a.put(id, part).catch(() => undefined));
      await one.kill();
      await Promise.all(cutOff);
      const { missing } = (
        await b.post(`/v1/keysets/${id}/parts/missing`, { sha256: parts.map(({ sha256 }) => sha256) })
      ).json;
      expect(missing).not.toEqual(expect.arrayContaining(parts.slice(0, 6).map(({ sha256 }) => sha256)));
      for (const part of parts) expect([200, 201]).toContain((await b.put(id, part)).status);
      expect((await b.post(`/v1/keysets/${id}/commit`, { list: listOf(parts) })).status).toBe(202);
      one = await startService('one', Number(new URL(one.url).port));
      await until(async () => (await patient(() => a.call(`/v1/keysets/${id}`))).json.state, (state) => state === 'ready', 30_000); // biome-ignore format: short
      // To others nothing of it is there.
      expect((await other.call(`/v1/keysets/${id}`)).status).toBe(404);

      // Asked of one, answered by the other; the next job of the same keys comes where they are loaded.
      const bodies = [fresh({ steps: 3 }), fresh({ steps: 3 })];
      const answers: {
        readonly request: string;
        readonly pid: number;
        readonly wasLoaded: boolean;
        readonly parts: string[];
      }[] = [];
      for (const body of bodies) {
        const { id: job } = (await a.submit(place.program.digest, id, body)).json;
        expect((await b.submit(place.program.digest, id, body)).json.id).toBe(job);
        await done(b, job);
        answers.push(JSON.parse((await b.call(`/v1/jobs/${job}/result`)).text));
      }
      expect(answers.map(({ request }) => request)).toEqual(bodies.map(hex));
      expect(answers[0]!.parts).toEqual(parts.map(({ sha256 }) => sha256));
      expect([answers[1]!.pid, answers[1]!.wasLoaded]).toEqual([answers[0]!.pid, true]);

      // Each worker is killed while it is at a job; the other one does it again.
      for (let killed = 0; killed < 2; killed++) {
        const { id: job } = (await a.submit(place.program.digest, id, fresh({ steps: 40, stepMs: 50 }))).json;
        await until(
          () => stateOf(b, job),
          ({ state }) => state === 'running',
          20_000,
        );
        const worker = (await busy(workers))!;
        await worker.kill();
        workers.splice(workers.indexOf(worker), 1, await startWorker(`w${3 + killed}`));
        const { attempts } = await done(b, job);
        expect(attempts).toBe(2);
      }

      // A job is watched at one, cancelled at the other, and the worker stops.
      const { id: job } = (await a.submit(place.program.digest, id, fresh({ steps: 2000, stepMs: 50 }))).json;
      const watching = a.call(`/v1/jobs/${job}/events`);
      await until(
        () => stateOf(a, job),
        ({ done = 0 }) => done > 3,
        20_000,
      );
      expect((await b.call(`/v1/jobs/${job}`, { method: 'DELETE' })).json.state).toBe('cancelled');
      const events = (await watching).text.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as Job); // biome-ignore format: short
      expect(events.at(-1)!.state).toBe('cancelled');
      expect(events.some(({ state }) => state === 'running')).toBe(true);
      await until(
        () => busy(workers),
        (worker) => worker === undefined,
        10_000,
      );

      // The second service is killed while a job runs: the first one tells how it ended.
      const { id: last } = (await b.submit(place.program.digest, id, fresh({ steps: 20, stepMs: 50 }))).json;
      await two.kill();
      await done(a, last);

      for (const { id: one } of (await a.call('/v1/jobs')).json.jobs as Job[])
        expect((await a.call(`/v1/jobs/${one}`, { method: 'DELETE' })).status).toBe(204);
      expect((await a.call(`/v1/keysets/${id}`, { method: 'DELETE' })).status).toBe(204);
      const left: string[] = [];
      for await (const { name } of bucket.list('')) left.push(name);
      expect(left).toEqual([]);
    } finally {
      for (const process of [one, two, ...workers]) await process.kill();
    }
  }, 180_000);

  it('a worker that stood still and comes back writes nothing over what another one does', async () => {
    const service = await startService('paused');
    const workers = [await startWorker('p1'), await startWorker('p2')];
    try {
      const api = caller(service.url, (await newOwner(service)).token);
      const id = await ready(api, randomParts(1, 1000));
      const body = fresh({ steps: 12, stepMs: 250 });
      const { id: job } = (await api.submit(place.program.digest, id, body)).json as Job;
      await until(
        () => stateOf(api, job),
        ({ state }) => state === 'running',
        20_000,
      );
      // Its process that computes goes on, and has an answer when it comes back.
      const paused = (await busy(workers))!;
      paused.child.kill('SIGSTOP');
      const [other] = workers.filter((worker) => worker !== paused);
      await until(
        () => stateOf(api, job),
        ({ attempts, state }) => attempts === 2 && state === 'running',
        20_000,
      );
      const before = await redis.hgetall(`cf:job:${job}`);
      paused.child.kill('SIGCONT');
      // It has long told what it had to tell: a second of its own, and no more, may pass while the other one is at it.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(await redis.hgetall(`cf:job:${job}`)).toEqual(before);
      expect(await busy([other!])).toBe(other);
      expect(await bucket.has(`results/${before.owner}/${job}`)).toBe(false);
      expect((await done(api, job)).attempts).toBe(2);
      expect(JSON.parse((await api.call(`/v1/jobs/${job}/result`)).text).request).toBe(hex(body));
      // And takes tasks as before.
      await other!.kill();
      workers.splice(workers.indexOf(other!), 1);
      const { id: next } = (await api.submit(place.program.digest, id, fresh())).json as Job;
      await done(api, next);
    } finally {
      for (const process of [service, ...workers]) await process.kill();
    }
  }, 120_000);

  it('an S3 that is away for some seconds fails no job: those that need it wait', async () => {
    const service = await startService('away');
    const worker = await startWorker('a1');
    try {
      const api = caller(service.url, (await newOwner(service)).token);
      const id = await ready(api, randomParts(1, 1000));
      const bodies = [fresh({ steps: 10, stepMs: 100 }), fresh({ steps: 2 })];
      const jobs: string[] = [];
      for (const body of bodies) jobs.push((await api.submit(place.program.digest, id, body)).json.id);
      await until(
        () => stateOf(api, jobs[0]!),
        ({ state }) => state === 'running',
        20_000,
      );
      await s3.stop();
      const refused = await api.submit(place.program.digest, id, fresh());
      expect([refused.status, refused.json.code]).toEqual([503, 'unreachable']);
      // The first one has its result and cannot keep it, the second one cannot be fetched.
      await new Promise((resolve) => setTimeout(resolve, 8000));
      for (const job of jobs) expect(['queued', 'loading', 'running']).toContain((await stateOf(api, job)).state);
      await s3.restart();
      for (const [i, job] of jobs.entries()) {
        await done(api, job);
        expect(JSON.parse((await api.call(`/v1/jobs/${job}/result`)).text).request).toBe(hex(bodies[i]!));
      }
    } finally {
      for (const process of [service, worker]) await process.kill();
    }
  }, 120_000);

  it('take turns by owner, wait where no worker is, and stop in order', async () => {
    const service = await startService('three');
    const apis: Caller[] = [];
    const started = [service];
    try {
      for (let i = 0; i < 2; i++) apis.push(caller(service.url, (await newOwner(service)).token)); // biome-ignore format: short
      let worker = await startWorker('w5');
      started.push(worker);
      const keysets = await Promise.all(apis.map((api, i) => ready(api, randomParts(1, 1000 + i))));
      worker.child.kill('SIGTERM');
      await until(() => worker.child.exitCode, (code) => code !== null); // biome-ignore format: short

      const submit = async (i: number) => (await apis[i]!.submit(place.program.digest, keysets[i]!, fresh({ steps: 4, stepMs: 100 }))).json as Job; // biome-ignore format: short
      const jobs = [await submit(0), await submit(0), await submit(1)];
      for (const { state } of jobs) expect(state).toBe('queued');
      worker = await startWorker('w6');
      started.push(worker);
      const ended = await Promise.all(jobs.map(({ id }, i) => done(apis[i === 2 ? 1 : 0]!, id)));
      const order = ended.map(({ finished }, i) => [i, Date.parse(finished!)] as const).sort((x, y) => x[1] - y[1]).map(([i]) => i); // biome-ignore format: short
      expect(order).toEqual([0, 2, 1]);

      // A worker that is told to stop gives its job back, and the try does not count.
      const { id } = await submit(0);
      await until(
        () => stateOf(apis[0]!, id),
        ({ state }) => state === 'running',
        20_000,
      );
      worker.child.kill('SIGTERM');
      started.push(await startWorker('w7'));
      expect((await done(apis[0]!, id)).attempts).toBe(1);
    } finally {
      for (const process of started) await process.kill();
    }
  }, 120_000);
});

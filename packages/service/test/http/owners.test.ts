// Who is who: tokens, strangers, and that nobody sees what is another's.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, ServiceError, Transport, VolatileTokens } from '@cipherformer/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { networkOf, OwnerLimiter } from '../../src/http/access.ts';
import { openTokens } from '../../src/index.ts';
import { bundle, caller, format, fresh, hex, part, plan, readyKeyset, serve, stored, until, type Workspace, workspace } from '../support.ts'; // biome-ignore format: a list

let files: Awaited<ReturnType<typeof bundle>>;
let place: Workspace;
let services: Awaited<ReturnType<typeof serve>>[];
const hour = 3600_000;

beforeAll(async () => {
  files = await bundle(['worker']);
});
afterAll(() => files.dispose());
beforeEach(() => {
  place = workspace({ keyBytes: 1000, cpuSeconds: 10 });
  services = [];
});
afterEach(async () => {
  for (const service of services) await service.close();
  place.dispose();
});

async function start(changes: Parameters<Workspace['options']>[1] = {}) {
  const service = await serve(place.options(files.path('worker'), { open: true, ...changes }));
  services.push(service);
  return service;
}
const newToken = async (url: string): Promise<string> =>
  (await caller(url).call('/v1/owners', { method: 'POST' })).json.token;
const keyOf = (name: string) => hex(name).slice(0, 32);
const codeOf = ({ status, json }: { status: number; json: { code?: string } }) => [status, json?.code];

describe('tokens', () => {
  it('are needed for all that is an owner’s, and open no more than that', async () => {
    const { url } = await start();
    const api = caller(url);
    for (const path of ['/v1/programs', `/v1/programs/${place.program.digest}/client/manifest.json`, '/healthz', '/readyz'])
      expect((await api.call(path)).status).toBe(200);
    const id = keyOf('none');
    for (const [method, path] of [
      ['GET', '/v1/keysets'], ['POST', '/v1/keysets'], ['GET', `/v1/keysets/${id}`], ['DELETE', `/v1/keysets/${id}`], ['PATCH', `/v1/keysets/${id}`],
      ['PUT', `/v1/keysets/${id}/parts/${hex('a')}`], ['POST', `/v1/keysets/${id}/parts/missing`], ['POST', `/v1/keysets/${id}/commit`],
      ['GET', '/v1/jobs'], ['POST', `/v1/jobs?program=${hex('a')}&keyset=${id}`], ['GET', `/v1/jobs/${hex('a')}`], ['GET', `/v1/jobs/${hex('a')}/events`],
      ['GET', `/v1/jobs/${hex('a')}/result`], ['DELETE', `/v1/jobs/${hex('a')}`],
    ] as const) {
      expect(codeOf(await api.call(path, { method }))).toEqual([401, 'token-needed']);
      const wrong = await caller(url, `cf_${'A'.repeat(43)}`).call(path, { method });
      expect([...codeOf(wrong), wrong.json.open]).toEqual([401, 'bad-token', true]);
    }
    for (const authorization of ['', 'Bearer', 'Basic YTpi', `cf_${'A'.repeat(43)}`])
      expect(codeOf(await api.call('/v1/keysets', { headers: { authorization } }))).toEqual([401, 'token-needed']);
  }); // biome-ignore format: tables

  it('are kept as hashes alone, and none is in the log', async () => {
    let log = '';
    const { url } = await start({ log: { level: 'trace', stream: { write: (line: string) => (log += line) } } as never });
    const token = await newToken(url);
    expect(token).toMatch(/^cf_[A-Za-z0-9_-]{43}$/);
    expect((await caller(url, token).call('/v1/keysets')).json).toEqual({ keysets: [] });
    await caller(url, token).call('/v1/keysets?', { method: 'POST' });
    for (const name of readdirSync(place.data).filter((one) => one.startsWith('service.db')))
      expect(readFileSync(join(place.data, name)).includes(token.slice(3))).toBe(false);
    expect(log).not.toContain(token.slice(3));
    expect(log).not.toMatch(/remote|"ip"/);
  }); // biome-ignore format: short

  it('of the operator: added, listed, revoked, beside a service that runs', async () => {
    const { url, tidy } = await start({ open: false, behindProxy: true });
    const tokens = await openTokens(place);
    const first = await tokens.add('first');
    expect(await tokens.add('first')).toBeUndefined();
    const api = caller(url, first);
    const set = await readyKeyset(api, [part('of the first')]);
    expect(set.state).toBe('ready');
    const [listed] = (await tokens.list()).filter(({ name }) => name === 'first');
    expect(listed).toMatchObject({ kind: 'token', keysets: 1, bytes: 12 });
    expect(JSON.stringify(await tokens.list())).not.toContain(first!.slice(3));
    expect([await tokens.revoke('nobody', false), await tokens.revoke('first', true)]).toEqual([false, true]);
    tokens.close();
    expect(codeOf(await api.call('/v1/keysets'))).toEqual([401, 'bad-token']);
    // Strangers get none here.
    expect(codeOf(await caller(url).call('/v1/owners', { method: 'POST' }))).toEqual([403, 'not-open']);
    await tidy();
    const left = await openTokens(place);
    expect((await left.list()).map(({ kind }) => kind)).toEqual(['local']);
    left.close();
    expect(stored(place.data, listed!.id).parts).toEqual([]);
  });
});

describe('a data folder that is not there', () => {
  it('is made for a first token, and not to be looked into', async () => {
    const data = join(place.data, 'absent');
    await expect(openTokens({ data }, { create: false })).rejects.toThrow(/no data folder of a service.*add a token/);
    expect(existsSync(data)).toBe(false);
    const tokens = await openTokens({ data });
    tokens.close();
    (await openTokens({ data }, { create: false })).close();
  });
});

describe('what is another’s', () => {
  it('is not there: not listed, not told of, not deleted, and not counted on', async () => {
    const { url } = await start();
    const [a, b] = [caller(url, await newToken(url)), caller(url, await newToken(url))];
    const shared = part('both have this part');
    const set = await readyKeyset(a, [shared]);
    const body = fresh();
    const job = (await a.submit(place.program.digest, set.id, body)).json as Job;
    await until(() => a.call(`/v1/jobs/${job.id}`), ({ json }) => json.state === 'done'); // biome-ignore format: short
    expect((await b.call('/v1/keysets')).json.keysets).toEqual([]);
    expect((await b.call('/v1/jobs')).json.jobs).toEqual([]);
    const tries = [
      b.call(`/v1/keysets/${set.id}`), b.call(`/v1/keysets/${set.id}`, { method: 'DELETE' }), b.put(set.id, shared),
      b.post(`/v1/keysets/${set.id}/parts/missing`, { sha256: [shared.sha256] }), b.submit(place.program.digest, set.id, body),
    ]; // biome-ignore format: a list
    for (const answer of await Promise.all(tries)) expect(codeOf(answer)).toEqual([404, 'unknown-keyset']);
    for (const path of ['', '/events', '/result'])
      expect(codeOf(await b.call(`/v1/jobs/${job.id}${path}`))).toEqual([404, 'unknown-job']);
    expect(codeOf(await b.call(`/v1/jobs/${job.id}`, { method: 'DELETE' }))).toEqual([404, 'unknown-job']);
    // The same keys are another key set for another owner, who has to send its parts.
    const { id } = (await b.post('/v1/keysets', { plan, key: keyOf('a key'), format })).json;
    expect(id).not.toBe(set.id);
    const missing = await b.post(`/v1/keysets/${id}/parts/missing`, { sha256: [shared.sha256] });
    expect(missing.json.missing).toEqual([shared.sha256]);
    expect((await a.call(`/v1/jobs/${job.id}`)).json.state).toBe('done');
  });
});

describe('an open service and the client of this repository', () => {
  it('gets a token when one is needed, once, keeps it, and gets another where it opens nothing any more', async () => {
    const { url } = await start();
    const tokens = new VolatileTokens();
    const transport = new Transport(url, { tokens });
    await transport.programs();
    expect(await tokens.get()).toBeUndefined();
    await Promise.all([transport.keysets(), transport.jobs(), transport.keysets()]);
    const token = await tokens.get();
    expect(token).toMatch(/^cf_/);
    await transport.openKeyset({ plan, key: keyOf('a'), format });
    expect(await new Transport(url, { tokens: new VolatileTokens(token) }).keysets()).toHaveLength(1);
    const other = new VolatileTokens(`cf_${'B'.repeat(43)}`);
    expect(await new Transport(url, { tokens: other }).keysets()).toEqual([]);
    expect(await other.get()).not.toBe(`cf_${'B'.repeat(43)}`);
  });

  it('is told where a service is not open', async () => {
    const { url } = await start({ open: false, behindProxy: true });
    const failed = await new Transport(url).keysets().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ServiceError);
    expect(failed).toMatchObject({
      problem: 'token-needed',
      hint: expect.stringContaining('ask who runs the service'),
    });
  });

  it('sends a token to another machine by https alone', () => {
    for (const url of ['http://example.org', 'http://192.168.1.2:8080', 'http://localhost.example.org', 'http://127.0.0.1.nip.io'])
      expect(() => new Transport(url)).toThrow(/go there in clear: use https/);
    for (const url of ['http://localhost:1', 'http://127.0.0.1', 'http://[::1]:80', 'https://example.org']) new Transport(url);
  }); // biome-ignore format: lists
});

describe('limits', () => {
  it('of key sets and of bytes of an owner', async () => {
    const { url } = await start({ limits: { keysets: 2 } });
    const api = caller(url, await newToken(url));
    const [id] = await Promise.all(['1', '2'].map(async (key) => (await api.post('/v1/keysets', { plan, key: keyOf(key), format })).json.id)); // biome-ignore format: short
    const third = await api.post('/v1/keysets', { plan, key: keyOf('3'), format });
    expect([...codeOf(third), third.json.limit, third.json.keysets.length]).toEqual([409, 'too-many-keysets', 2, 2]);
    // Two sets of at most 1,000 bytes each.
    expect((await api.put(id, part(new Uint8Array(1500)))).status).toBe(201);
    const over = await api.put(id, part(new Uint8Array(501)));
    expect([...codeOf(over), over.json.limit, over.json.used]).toEqual([507, 'quota-exceeded', 2000, 1500]);
    expect((await api.put(id, part(new Uint8Array(500)))).status).toBe(201);
  });

  it('of work of an owner and day, and of jobs that wait; an owner of before a day has another', async () => {
    let now = Date.parse('2026-03-01T23:00:00Z');
    const { url } = await start({ limits: { cpuSecondsPerDay: 35, jobs: 2 }, now: () => now });
    const [a, b] = [caller(url, await newToken(url)), caller(url, await newToken(url))];
    const set = await readyKeyset(a, [part('of a')]);
    const other = await readyKeyset(b, [part('of b')]);
    const submit = (api = a, id = set.id, orders = {}) => api.submit(place.program.digest, id, fresh(orders));
    const slow = (await submit(a, set.id, { steps: 1000, stepMs: 50 })).json as Job;
    const waits = (await submit()).json as Job;
    const third = await submit();
    expect([...codeOf(third), third.json.limit]).toEqual([429, 'queue-full', 2]);
    expect((await submit(b, other.id)).status).toBe(202);
    // One that no worker began costs nothing; one that was, does.
    await until(() => a.call(`/v1/jobs/${slow.id}`), ({ json }) => json.state === 'running'); // biome-ignore format: short
    for (const id of [waits.id, slow.id]) await a.call(`/v1/jobs/${id}`, { method: 'DELETE' });
    for (let i = 0; i < 2; i++) {
      const { json } = await submit();
      await until(() => a.call(`/v1/jobs/${json.id}`), (answer) => answer.json.state === 'done'); // biome-ignore format: short
    }
    const spent = await submit();
    expect(codeOf(spent)).toEqual([429, 'day-spent']);
    expect(spent.json).toMatchObject({ limit: 35, spent: 30, retryAfter: 3600 });
    now += hour;
    expect((await submit()).status).toBe(202);
  });

  it('of all that waits: told when to come back', async () => {
    const { url } = await start({ limits: { queueCpuSeconds: 15 } });
    const [a, b] = [caller(url, await newToken(url)), caller(url, await newToken(url))];
    const [set, other] = [await readyKeyset(a, [part('of a')]), await readyKeyset(b, [part('of b')])];
    const submit = (api: typeof a, id: string, orders = {}) => api.submit(place.program.digest, id, fresh(orders));
    const { id } = (await submit(a, set.id, { steps: 1000, stepMs: 50 })).json as Job;
    await until(() => a.call(`/v1/jobs/${id}`), ({ json }) => json.state === 'running'); // biome-ignore format: short
    expect((await submit(a, set.id)).status).toBe(202);
    const refused = await submit(b, other.id);
    expect([...codeOf(refused), refused.headers.get('retry-after')]).toEqual([503, 'busy', '60']);
  });

  it('of strangers at one address', async () => {
    const { url } = await start({ limits: { ownersPerHour: 3 } });
    for (let i = 0; i < 3; i++) expect(await newToken(url)).toMatch(/^cf_/);
    const fourth = await caller(url).call('/v1/owners', { method: 'POST' });
    expect([...codeOf(fourth), Number(fourth.headers.get('retry-after')) > 3500]).toEqual([
      429,
      'too-many-owners',
      true,
    ]);
    // Who is no proxy does not say whose request it is.
    expect((await caller(url).call('/v1/owners', { method: 'POST', headers: { 'x-forwarded-for': '192.0.2.7' } })).status).toBe(429); // biome-ignore format: short
  });

  it('of strangers behind a proxy, by the address that it names', async () => {
    const { url } = await start({ limits: { ownersPerHour: 1 }, behindProxy: true });
    const ask = async (from: string) =>
      (await caller(url).call('/v1/owners', { method: 'POST', headers: { 'x-forwarded-for': from } })).status;
    expect([await ask('192.0.2.7'), await ask('192.0.2.7'), await ask('192.0.2.8')]).toEqual([201, 429, 201]);
    // What the client wrote before the proxy did counts for nothing.
    expect(await ask('203.0.113.9, 192.0.2.7')).toBe(429);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:ffff::2', '2001:db8:0:0::/64'],
    ['2001:0DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('the address %s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('an address is forgotten after an hour', () => {
    let now = 0;
    const limiter = new OwnerLimiter(1, () => now);
    limiter.take('192.0.2.1');
    expect(() => limiter.take('192.0.2.1')).toThrow(/within an hour/);
    now += hour - 1;
    expect(() => limiter.take('192.0.2.1')).toThrow();
    now += 1;
    limiter.take('192.0.2.1');
  });
});

describe('what expires', () => {
  it('goes: keys that no job used, results, open sets of strangers; a clock that is set back removes nothing', async () => {
    let now = Date.parse('2026-03-01T12:00:00Z');
    const { url, tidy } = await start({ now: () => now });
    const api = caller(url, await newToken(url));
    const set = await readyKeyset(api, [part('kept for 30 days')]);
    const { id } = (await api.submit(place.program.digest, set.id, fresh())).json;
    await until(() => api.call(`/v1/jobs/${id}`), ({ json }) => json.state === 'done'); // biome-ignore format: short
    const open = (await api.post('/v1/keysets', { plan, key: keyOf('open'), format })).json.id;
    const states = async () => [
      (await api.call(`/v1/keysets/${set.id}`)).status,
      (await api.call(`/v1/jobs/${id}`)).status,
      (await api.call(`/v1/keysets/${open}`)).status,
    ];
    const after = async (ms: number) => {
      now += ms;
      await tidy();
      return states();
    };
    expect(await after(-365 * 24 * hour)).toEqual([200, 200, 200]);
    expect(await after(365 * 24 * hour + hour - 1000)).toEqual([200, 200, 200]);
    expect(await after(2000)).toEqual([200, 200, 404]);
    expect(await after(22 * hour)).toEqual([200, 200, 404]);
    expect(await after(hour)).toEqual([200, 404, 404]);
    expect(await after(29 * 24 * hour - hour)).toEqual([200, 404, 404]);
    // An owner who has nothing, and had a month for it, is none any more.
    expect(await after(2 * hour)).toEqual([401, 401, 401]);
    expect(readdirSync(join(place.data, 'parts')).flatMap((owner) => stored(place.data, owner).parts)).toEqual([]);
  });

  it('may be told to go earlier, and not later', async () => {
    const { url, tidy } = await start();
    const api = caller(url, await newToken(url));
    const { id, expires } = await readyKeyset(api, [part('soon gone')]);
    const change = (time: number) =>
      api.call(`/v1/keysets/${id}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ expires: new Date(time).toISOString() }),
      });
    const late = (await change(Date.now() + 1000 * 24 * hour)).json.expires;
    expect(Math.abs(Date.parse(late) - Date.parse(expires))).toBeLessThan(60_000);
    await change(Date.now() - 1);
    await tidy();
    expect((await api.call(`/v1/keysets/${id}`)).status).toBe(404);
  });

  it('makes room for strangers: what of theirs is idle longest goes first', async () => {
    let now = Date.parse('2026-03-01T12:00:00Z');
    const { url } = await start({ now: () => now, limits: { strangerBytes: 2500 } });
    const owners = [];
    for (let i = 0; i < 3; i++) owners.push(caller(url, await newToken(url)));
    const [a, b, c] = owners as [(typeof owners)[0], (typeof owners)[0], (typeof owners)[0]];
    const first = await readyKeyset(a, [part(new Uint8Array(1000).fill(1))]);
    now += hour / 2;
    const second = await readyKeyset(b, [part(new Uint8Array(1000).fill(2))]);
    const full = await c.post('/v1/keysets', { plan, key: keyOf('c'), format });
    expect(codeOf(full)).toEqual([507, 'no-room']);
    now += hour / 2 + 1000;
    expect((await c.post('/v1/keysets', { plan, key: keyOf('c'), format })).status).toBe(201);
    expect([(await a.call(`/v1/keysets/${first.id}`)).status, (await b.call(`/v1/keysets/${second.id}`)).status]).toEqual([404, 200]); // biome-ignore format: short
  });
});

describe('a program that is served no more', () => {
  it('names its successor, for which the parts that are here need not be sent again', async () => {
    const { url } = await start();
    const token = await newToken(url);
    const shared = part('of both programs');
    const set = await readyKeyset(caller(url, token), [shared]);
    await services.pop()!.close();
    const next = { ...place.program, digest: hex('a newer program'), plan: hex('a newer plan') };
    const newer = await start({ programs: [next] });
    const api = caller(newer.url, token);
    const refused = await api.submit(place.program.digest, set.id, fresh());
    expect([...codeOf(refused), refused.json.successor]).toEqual([410, 'program-retired', next.digest]);
    const { id } = (await api.post('/v1/keysets', { plan: next.plan, key: keyOf('a key'), format })).json;
    const question = { sha256: [shared.sha256, hex('new')] };
    expect((await api.post(`/v1/keysets/${id}/parts/missing`, question)).json.missing).toEqual([hex('new')]);
  });
});

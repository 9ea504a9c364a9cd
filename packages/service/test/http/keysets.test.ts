import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Context, Parameters, randomSeed, SecretKey, secretKeyToWire } from '@cipherformer/ckks';
import { maxPartBytes } from '@cipherformer/client/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { badPart, slowPart } from '../fixtures/orders.ts';
import {
  bundle, type Caller, caller, format, hex, key, listOf, type Part, part, plan, randomParts, readyKeyset, serve, stored, until, type Workspace, workspace,
} from '../support.ts'; // biome-ignore format: a list

let files: Awaited<ReturnType<typeof bundle>>;
let place: Workspace;
let service: Awaited<ReturnType<typeof serve>>;
let api: Caller;
let freeBytes = 2 ** 40;

beforeAll(async () => {
  files = await bundle(['worker']);
  place = workspace({ keyBytes: 50_000_000 });
  const diskSpace = () => Promise.resolve({ totalBytes: 2 ** 41, freeBytes });
  service = await serve(place.options(files.path('worker'), { diskSpace }));
  api = caller(service.url);
});
afterAll(async () => {
  await service.close();
  files.dispose();
  place.dispose();
});
beforeEach(() => {
  freeBytes = 2 ** 40;
});

let keys = 0;
const newKey = () => hex(`key ${keys++}`).slice(0, 32);
/** A key set of a key of its own. */
async function open(ofKey = newKey()): Promise<string> {
  return (await api.post('/v1/keysets', { plan, key: ofKey, format })).json.id;
}
const onDisk = () => [...stored(place.data).parts, ...stored(place.data).incoming];

/** A PUT of which only some of the declared bytes are sent. The answer, or '' when the connection ended without one. */
function cutPut(id: string, { sha256, bytes }: Part, send: number, headers = ''): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', () => {});
    socket.write(
      `PUT /v1/keysets/${id}/parts/${sha256} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n${headers || `content-length: ${bytes.length}\r\n`}\r\n`,
    );
    socket.write(bytes.subarray(0, send));
    setTimeout(() => socket.destroy(), 200);
  });
}

describe('row 9: what is nested without end', () => {
  it.each<[string, (nest: string, key: string) => string]>([
    ['a field of a list', (nest, key) => `{"list":${JSON.stringify(listOf([part('x')], { key })).slice(0, -1)},"more":${nest}}}`],
    ['a list', (nest) => `{"list":${nest}}`],
    ['the body', (nest) => nest],
  ])('is refused as not valid: %s', async (_, body) => {
    const own = newKey();
    const id = await open(own);
    for (const [depth, before, after] of [[100, '[', ']'], [1_000_000, '[', ']'], [100, '{"a":', '}'], [600_000, '{"a":', '}']] as const) {
      const answer = await api.call(`/v1/keysets/${id}/commit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body(`${before.repeat(depth)}1${after.repeat(depth)}`, own),
      });
      expect([answer.status, answer.json.code]).toEqual([400, 'invalid']);
    }
  });
}); // biome-ignore format: tables

describe('key sets', () => {
  it('are made once for a plan and a key', async () => {
    const ofKey = newKey();
    const first = await api.post('/v1/keysets', { plan, key: ofKey, format });
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({ plan, key: ofKey, format, state: 'open' });
    expect(first.headers.get('location')).toBe(`/v1/keysets/${first.json.id}`);
    const again = await api.post('/v1/keysets', { plan, key: ofKey, format });
    expect(again.status).toBe(200);
    expect(again.json).toEqual(first.json);
    expect((await api.post('/v1/keysets', { plan, key: newKey(), format })).json.id).not.toBe(first.json.id);
    const many = await Promise.all(Array.from({ length: 10 }, () => api.post('/v1/keysets', { plan, key: hex('ten').slice(0, 32), format }))); // biome-ignore format: short
    expect(many.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await api.call('/v1/keysets')).json.keysets).toContainEqual(first.json);
    expect((await api.call(`/v1/keysets/${first.json.id}`)).json).toEqual(first.json);
  });

  it.each([
    ['no plan', { key, format }, 400, 'invalid'],
    ['a plan in capitals', { plan: plan.toUpperCase(), key, format }, 400, 'invalid'],
    ['a key that is too long', { plan, key: `${key}0`, format }, 400, 'invalid'],
    ['a field too many', { plan, key, format, more: 1 }, 400, 'invalid'],
    ['null', null, 400, 'invalid'],
    ['a list', [], 400, 'invalid'],
    ['a plan of no program', { plan: hex('another'), key, format }, 422, 'unknown-plan'],
  ])('%s is refused', async (_, body, status, code) => {
    const before = (await api.call('/v1/keysets')).json.keysets.length;
    const answer = await api.post('/v1/keysets', body);
    expect(answer.status).toBe(status);
    expect(answer.json.code).toBe(code);
    if (code === 'invalid') expect(answer.json.issues.length).toBeGreaterThan(0);
    if (code === 'unknown-plan') expect(answer.json.plans).toEqual([plan]);
    expect((await api.call('/v1/keysets')).json.keysets).toHaveLength(before);
  });

  it.each(['gzip', 'identity', 'br'])('are not made of a body that is encoded: %s', async (encoding) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const body = JSON.stringify({ plan, key, format });
    const { status, json } = await api.call('/v1/keysets', { method: 'POST', headers, body });
    expect([status, json.code]).toEqual([415, 'media-type']);
  });

  it('any body whatever gets a problem document and leaves the service alive', async () => {
    const send = async (body: string | Uint8Array<ArrayBuffer>, path: string) => {
      const answer = await api.call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect([400, 404, 409, 422]).toContain(answer.status);
      expect(answer.json.code).toMatch(/^[a-z-]+$/);
    };
    const id = await open();
    const paths = ['/v1/keysets', `/v1/keysets/${id}/parts/missing`, `/v1/keysets/${id}/commit`];
    const values = fc.oneof(
      fc.json(),
      fc.string(),
      fc.uint8Array().map((bytes) => Uint8Array.from(bytes)),
      fc.constantFrom('{"__proto__":{}}', '{"constructor":{"prototype":{}}}', '', 'null', '1e999'),
      fc.record({ plan: fc.anything(), key: fc.anything(), format: fc.anything() }).map((value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? 0 : v))), // biome-ignore format: short
    );
    await fc.assert(fc.asyncProperty(values, fc.constantFrom(...paths), send), { numRuns: 100 });
    expect((await api.call('/healthz')).status).toBe(200);
  });

  it('room for all of the keys is asked for before anything is sent', async () => {
    const known = newKey();
    await open(known);
    freeBytes = 2 ** 30 + 49_999_999;
    const { status, json } = await api.post('/v1/keysets', { plan, key: newKey(), format });
    expect(status).toBe(507);
    expect(json).toMatchObject({ code: 'no-room', needed: 50_000_000, free: 49_999_999 });
    // One that is there may have most of its parts.
    expect((await api.post('/v1/keysets', { plan, key: known, format })).status).toBe(200);
  });

  it('that do not exist are said to be unknown, on every route', async () => {
    const id = '0'.repeat(32);
    const answers = [
      await api.call(`/v1/keysets/${id}`),
      await api.call(`/v1/keysets/${id}`, { method: 'DELETE' }),
      await api.put(id, part('a')),
      await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [hex('a')] }),
      await api.post(`/v1/keysets/${id}/commit`, { list: listOf([part('a')]) }),
    ];
    for (const { status, json } of answers) expect([status, json.code]).toEqual([404, 'unknown-keyset']);
  });
});

describe('parts', () => {
  it('are kept by their digest', async () => {
    const id = await open();
    const one = part('one part');
    const two = part('two');
    expect((await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [one.sha256, two.sha256] })).json.missing).toEqual([one.sha256, two.sha256]); // biome-ignore format: short
    expect((await api.put(id, one)).status).toBe(201);
    expect((await api.put(id, one)).status).toBe(200);
    expect(readFileSync(join(place.data, 'parts', 'local', one.sha256), 'utf8')).toBe('one part');
    expect((await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: [two.sha256, one.sha256] })).json.missing).toEqual([two.sha256]); // biome-ignore format: short
  });

  it('of every size up to the limit arrive whole', async () => {
    const id = await open();
    for (const bytes of [1, 11, 12, 13, 65_536, 65_537, maxPartBytes]) {
      const [one] = randomParts(1, bytes);
      expect((await api.put(id, one!)).status).toBe(201);
      expect(Buffer.compare(readFileSync(join(place.data, 'parts', 'local', one!.sha256)), one!.bytes)).toBe(0);
    }
  });

  it('above the limit are refused before they are read', async () => {
    const id = await open();
    const large = part(new Uint8Array(maxPartBytes + 1));
    const { status, json } = await api.put(id, large);
    expect([status, json.code, json.limit]).toEqual([413, 'too-large', maxPartBytes]);
    expect(await cutPut(id, part('x'), 1, `content-length: ${10 ** 12}\r\n`)).toMatch(/^HTTP\/1.1 413 /);
    expect(onDisk()).not.toContain(large.sha256);
  });

  it('without a length are refused', async () => {
    const id = await open();
    const { sha256 } = part('abc');
    expect(await cutPut(id, { sha256, bytes: Uint8Array.from(Buffer.from('3\r\nabc\r\n0\r\n\r\n')) }, 100, 'transfer-encoding: chunked\r\n')).toMatch(/^HTTP\/1.1 411 .*"length-required"/s); // biome-ignore format: short
    expect(onDisk()).not.toContain(sha256);
  });

  it.each([
    ['another type', { 'content-type': 'application/json' }],
    ['no type', {}],
    ['an encoding', { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' }],
  ])('with %s are refused', async (_, headers) => {
    const { sha256 } = part('typed');
    const path = `/v1/keysets/${await open()}/parts/${sha256}`;
    const body = Uint8Array.from(Buffer.from('typed'));
    const { status, json } = await api.call(path, { method: 'PUT', headers: headers as Record<string, string>, body });
    expect([status, json.code]).toEqual([415, 'media-type']);
    expect(onDisk()).not.toContain(sha256);
  });

  it('that are not what their digest says leave nothing', async () => {
    const id = await open();
    const whole = part('what was meant');
    for (const sent of ['what was sent', 'what was mean', 'what was meant!']) {
      const { status, json } = await api.put(id, { ...whole, bytes: part(sent).bytes });
      expect([status, json.code]).toEqual([422, 'digest-mismatch']);
      expect(json).toMatchObject({ expected: whole.sha256, actual: hex(sent) });
    }
    expect(onDisk().filter((name) => name.startsWith(whole.sha256))).toEqual([]);
    expect((await api.put(id, whole)).status).toBe(201);
  });

  it('that a lost connection cuts short leave nothing', async () => {
    const id = await open();
    const [one] = randomParts(1, 2 ** 20);
    for (const sent of [0, 5, 12, 5000, 2 ** 20 - 1]) expect(await cutPut(id, one!, sent)).toBe('');
    await until(() => stored(place.data).incoming, (names) => names.length === 0); // biome-ignore format: short
    expect((await api.put(id, one!)).status).toBe(201);
  });

  it('that are sent by several at once are kept once, whole', async () => {
    const id = await open();
    const [one] = randomParts(1, 2 ** 20);
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await api.put(id, one!)).status));
    expect(statuses.every((status) => status === 200 || status === 201)).toBe(true);
    expect(onDisk().filter((name) => name.startsWith(one!.sha256))).toEqual([one!.sha256]);
    expect(hex(readFileSync(join(place.data, 'parts', 'local', one!.sha256)))).toBe(one!.sha256);
  });

  it('for which there is no room are refused before they are read, by a client that still sends', async () => {
    const id = await open();
    const [one] = randomParts(1, maxPartBytes);
    freeBytes = 2 ** 30 + maxPartBytes - 1;
    const { status, json } = await api.put(id, one!);
    expect(status).toBe(507);
    expect(json).toMatchObject({ code: 'no-room', needed: maxPartBytes, free: maxPartBytes - 1 });
    expect(onDisk().filter((name) => name.startsWith(one!.sha256))).toEqual([]);
    freeBytes++;
    expect((await api.put(id, one!)).status).toBe(201);
  });

  it('share the room: what is on its way to one is not promised to another', async () => {
    const id = await open();
    const [slow, other] = randomParts(2, 2 ** 20);
    freeBytes = 2 ** 30 + 2 ** 20 + 2 ** 19;
    const cut = cutPut(id, slow!, 1000);
    await until(
      () => stored(place.data).incoming,
      (names) => names.length === 1,
    );
    expect((await api.put(id, other!)).status).toBe(507);
    await cut;
    await until(
      async () => (await api.put(id, other!)).status,
      (status) => status === 201,
    );
  });

  it('that meet a full disk half-way are refused, and leave nothing', async () => {
    const id = await open();
    const [one] = randomParts(1, 2 ** 20);
    const { open: openFile } = await import('node:fs/promises');
    const file = await openFile(join(place.folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(file) as typeof file;
    await file.close();
    const full = (code: string) => Object.assign(new Error('full'), { code });
    for (const [method, code] of [
      ['write', 'ENOSPC'],
      ['write', 'EDQUOT'],
      ['sync', 'ENOSPC'],
    ] as const) {
      // biome-ignore format: a list
      const spy = vi.spyOn(prototype, method).mockRejectedValueOnce(full(code));
      const { status, json } = await api.put(id, one!);
      spy.mockRestore();
      expect([status, json.code]).toEqual([507, 'no-room']);
      expect(onDisk().filter((name) => name.startsWith(one!.sha256))).toEqual([]);
    }
    expect((await api.put(id, one!)).status).toBe(201);
  });
});

describe('a secret key', () => {
  let secret: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    using context = await Context.create(
      Parameters.from({ logN: 13, chainBits: [50, 40], specialBits: [50], scaleBits: 40 }),
    );
    using key = new SecretKey(context, randomSeed());
    const frames: Uint8Array[] = [];
    for await (const frame of secretKeyToWire(key)) frames.push(frame.slice());
    secret = Uint8Array.from(Buffer.concat(frames));
  });

  it('is refused as a part at its first bytes, never written, and the owner told what to do', async () => {
    const id = await open();
    for (const bytes of [secret, Uint8Array.from([...secret, ...new Uint8Array(2 ** 20)])]) {
      // The digest is right: it is not refused for something else.
      const { status, json } = await api.put(id, part(bytes));
      expect([status, json.code]).toEqual([422, 'secret-key']);
      expect(json.hint).toMatch(/make a new key/);
    }
    expect(onDisk().some((name) => name.includes(hex(secret)))).toBe(false);
  });

  it('of any version is refused, wherever its bytes are cut, and before the rest has come', async () => {
    const id = await open();
    for (const version of [0, 1, 2, 255, 256, 65535]) {
      const bytes = secret.slice();
      bytes[8] = version & 255;
      bytes[9] = version >> 8;
      expect((await api.put(id, part(bytes))).json.code).toBe('secret-key');
    }
    const waits = part(Uint8Array.from([...secret.subarray(0, 12), ...new Uint8Array(1000)]));
    expect(await cutPut(id, waits, 12)).toMatch(/^HTTP\/1.1 422 .*"secret-key"/s);
    // Eleven bytes alone are not one yet.
    expect((await api.put(id, part(secret.slice(0, 11)))).status).toBe(201);
  });

  it('is refused as a request as well', async () => {
    const set = await readyKeyset(api, [part('for a job')], { key: newKey() });
    const { status, json } = await api.submit(place.program.digest, set.id, secret);
    expect([status, json.code]).toEqual([422, 'secret-key']);
    expect(stored(place.data)).toMatchObject({ requests: [], incoming: [] });
  });

  it('is not seen in other objects of the wire format', async () => {
    const id = await open();
    for (const kind of [1, 3, 4, 5, 6, 7, 8, 258]) {
      const bytes = secret.slice();
      bytes[10] = kind & 255;
      bytes[11] = kind >> 8;
      expect((await api.put(id, part(bytes))).status).toBe(201);
    }
  });
});

describe('a commit', () => {
  it('says what is missing, then makes the key set ready', async () => {
    const ofKey = newKey();
    const id = await open(ofKey);
    const parts = randomParts(3, 1000);
    const list = listOf(parts, { key: ofKey, note: 'kept for the engine' });
    await api.put(id, parts[1]!);
    const early = await api.post(`/v1/keysets/${id}/commit`, { list });
    expect(early.status).toBe(409);
    expect(early.json).toMatchObject({ code: 'parts-missing', missing: [parts[0]!.sha256, parts[2]!.sha256], missingCount: 2 }); // biome-ignore format: short
    expect((await api.call(`/v1/keysets/${id}`)).json.state).toBe('open');
    await api.put(id, parts[0]!);
    await api.put(id, parts[2]!);
    const committed = await api.post(`/v1/keysets/${id}/commit`, { list });
    expect(committed.status).toBe(202);
    expect(committed.json).toMatchObject({ state: 'verifying', parts: 3, bytes: 3000 });
    await until(() => api.call(`/v1/keysets/${id}`), ({ json }) => json.state === 'ready'); // biome-ignore format: short
    // Once more, as a client does that did not get the answer.
    expect((await api.post(`/v1/keysets/${id}/commit`, { list })).json.state).toBe('ready');
    const other = await api.post(`/v1/keysets/${id}/commit`, { list: { ...list, version: 2 } });
    expect([other.status, other.json.code, other.json.state]).toEqual([409, 'keyset-closed', 'ready']);
    const late = await api.put(id, part('a part too many'));
    expect([late.status, late.json.code]).toEqual([409, 'keyset-closed']);
  });

  it.each([
    ['another plan', { plan: hex('another') }, 409, 'list-mismatch'],
    ['another key', { key: '1'.repeat(32) }, 409, 'list-mismatch'],
    ['another format', { format: 'other/1' }, 409, 'list-mismatch'],
    ['no parts', { parts: [] }, 400, 'invalid'],
    ['a part that is no digest', { parts: ['../../etc/passwd'] }, 400, 'invalid'],
    ['too many parts', { parts: Array.from({ length: 2 ** 15 + 1 }, () => hex('a')) }, 400, 'invalid'],
    ['no version', { version: undefined as never }, 400, 'invalid'],
  ])('of a list with %s is refused', async (_, changes, status, code) => {
    const ofKey = newKey();
    const id = await open(ofKey);
    const answer = await api.post(`/v1/keysets/${id}/commit`, { list: listOf([], { key: ofKey, parts: [hex('a')], ...changes }) }); // biome-ignore format: short
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('of bad keys is rejected with the reason; deleted, the key set can be sent again', async () => {
    const ofKey = newKey();
    const bad = part(badPart);
    const set = await readyKeyset(api, [part('good'), bad], { key: ofKey });
    expect(set).toMatchObject({ state: 'rejected', reason: 'part 1 is bad' });
    expect((await api.put(set.id, part('better'))).json).toMatchObject({ code: 'keyset-closed', state: 'rejected' });
    expect((await api.post('/v1/keysets', { plan, key: ofKey, format })).json.state).toBe('rejected');
    expect((await api.call(`/v1/keysets/${set.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await readyKeyset(api, [part('good'), part('better')], { key: ofKey })).state).toBe('ready');
  });

  it('of many missing parts lists the first thousand', async () => {
    const ofKey = newKey();
    const id = await open(ofKey);
    const parts = Array.from({ length: 1500 }, (_, i) => hex(`part ${i}`));
    const { json } = await api.post(`/v1/keysets/${id}/commit`, { list: listOf([], { key: ofKey, parts }) });
    expect(json.missingCount).toBe(1500);
    expect(json.missing).toEqual(parts.slice(0, 1000));
    const question = await api.post(`/v1/keysets/${id}/parts/missing`, { sha256: parts });
    expect([question.status, question.json.code]).toEqual([400, 'invalid']);
  });
});

describe('deleting a key set', () => {
  it('removes the parts that no other has', async () => {
    const other = workspace();
    const own = await serve(other.options(files.path('worker')));
    const there = caller(own.url);
    try {
      const [shared, first, second, stray] = randomParts(4, 1000);
      const a = await readyKeyset(there, [shared!, first!], { key: newKey() });
      const ofKey = newKey();
      const { id } = (await there.post('/v1/keysets', { plan, key: ofKey, format })).json;
      await there.put(id, stray!);
      // While one is open nothing goes: it may be of its list.
      expect((await there.call(`/v1/keysets/${a.id}`, { method: 'DELETE' })).status).toBe(204);
      expect((await there.call(`/v1/keysets/${a.id}`)).status).toBe(404);
      expect(stored(other.data).parts).toHaveLength(3);
      const b = await readyKeyset(there, [shared!, second!], { key: ofKey });
      expect(stored(other.data).parts.sort()).toEqual([shared!.sha256, second!.sha256].sort());
      await there.call(`/v1/keysets/${b.id}`, { method: 'DELETE' });
      expect(stored(other.data).parts).toEqual([]);
      expect((await there.call('/v1/keysets')).json.keysets).toEqual([]);
    } finally {
      await own.close();
      other.dispose();
    }
  });

  it('stops its verification', async () => {
    const ofKey = newKey();
    const id = await open(ofKey);
    const slow = part(slowPart);
    await api.put(id, slow);
    await api.post(`/v1/keysets/${id}/commit`, { list: listOf([slow], { key: ofKey }) });
    await until(() => api.call(`/v1/keysets/${id}`), ({ json }) => json.total === 1); // biome-ignore format: short
    expect((await api.call(`/v1/keysets/${id}`, { method: 'DELETE' })).status).toBe(204);
    // The worker is free for the next.
    expect((await readyKeyset(api, [part('quick')], { key: newKey() })).state).toBe('ready');
    expect((await api.call(`/v1/keysets/${id}`)).status).toBe(404);
  });
});

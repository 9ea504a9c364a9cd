import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, caller, hex, part, plan, serve, type Workspace, workspace } from '../support.ts';

const noWorker = () => {
  throw new Error('no worker in this test');
};
let place: Workspace;
let service: Awaited<ReturnType<typeof serve>>;
let api: Caller;
let log = '';

beforeAll(async () => {
  place = workspace();
  const page = join(place.folder, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(page, 'assets', 'main.js'), 'export {};');
  symlinkSync(join(place.program.folder, 'model.bin'), join(page, 'link.txt'));
  const stream = new Writable({
    write(text, _, done) {
      log += text;
      done();
    },
  });
  service = await serve({ ...place.options(''), spawnWorker: noWorker, page, log: { level: 'trace', stream } });
  api = caller(service.url);
});
afterAll(async () => {
  await service.close();
  place.dispose();
});

/** A request with headers that fetch would not send. */
function raw(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; text: string; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(service.url + path, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('programs', () => {
  it('are listed with the files of their client halves', async () => {
    const { status, json } = await api.call('/v1/programs');
    expect(status).toBe(200);
    expect(json.programs).toHaveLength(1);
    expect(json.programs[0]).toMatchObject({ digest: place.program.digest, plan, summary: { name: 'test' } });
    const names = json.programs[0].files.map(({ name }: { name: string }) => name).sort();
    expect(names).toEqual(['embedding.bin', 'manifest.json']);
    expect((await api.call(`/v1/programs/${place.program.digest}`)).json).toEqual(json.programs[0]);
  });

  it('give their client files as they are, to be kept for good', async () => {
    const [program] = (await api.call('/v1/programs')).json.programs;
    for (const file of program.files) {
      const path = `/v1/programs/${program.digest}/client/${file.name}`;
      const response = await fetch(service.url + path);
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect(bytes.length).toBe(file.bytes);
      expect(hex(bytes)).toBe(file.sha256);
      expect(response.headers.get('cache-control')).toMatch(/immutable/);
      const etag = response.headers.get('etag')!;
      expect(etag).toContain(file.sha256);
      expect((await api.call(path, { headers: { 'if-none-match': `"other", ${etag}` } })).status).toBe(304);
      expect((await api.call(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    }
  });

  it('row 9: are only the files that are named: nothing else in the folder is listed, given or told of', async () => {
    const own = workspace();
    for (const name of ['secret', 'notes.txt']) writeFileSync(join(own.program.clientFolder, name), 'stray');
    const other = await serve({ ...own.options(''), spawnWorker: noWorker });
    try {
      const { call } = caller(other.url);
      const { text, json } = await call('/v1/programs');
      expect(json.programs[0].files.map(({ name }: { name: string }) => name).sort()).toEqual(place.program.clientFiles.toSorted()); // biome-ignore format: short
      expect(text).not.toMatch(/secret|notes/);
      for (const name of ['secret', 'notes.txt']) {
        const answer = await call(`/v1/programs/${own.program.digest}/client/${name}`);
        expect([answer.status, answer.json.code]).toEqual([404, 'unknown-file']);
        expect(answer.json.files).not.toContain(name);
      }
    } finally {
      await other.close();
      own.dispose();
    }
  });

  it('row 9: are refused where one is missing, and where one is a secret key, in the page as well', async () => {
    const own = workspace();
    const start = (changes = {}) => serve({ ...own.options(''), spawnWorker: noWorker, ...changes });
    const secret = Buffer.from('894346570d0a1a0a0200020000', 'hex');
    const page = join(own.folder, 'page');
    mkdirSync(join(page, 'assets'), { recursive: true });
    writeFileSync(join(page, 'index.html'), '');
    writeFileSync(join(page, 'assets', 'stray'), secret);
    await expect(start({ page })).rejects.toThrow(/assets.stray is a secret key.*move it out/);
    writeFileSync(join(own.program.clientFolder, 'embedding.bin'), secret);
    await expect(start()).rejects.toThrow(/embedding.bin is a secret key.*move it out/);
    rmSync(join(own.program.clientFolder, 'embedding.bin'));
    await expect(start()).rejects.toThrow(/has no file embedding.bin/);
    own.dispose();
  });

  it('give their polynomial model where it is given away, by names alone, and no other file beside it', async () => {
    const { folder } = place;
    mkdirSync(join(folder, 'poly'));
    for (const name of ['polynomial.json', 'model.safetensors', 'conversion.json'])
      writeFileSync(join(folder, 'poly', name), JSON.stringify(`of ${name}`));
    const own = workspace({ model: { folder: join(folder, 'poly'), files: ['polynomial.json', 'model.safetensors'] } });
    const other = await serve({ ...own.options(''), spawnWorker: noWorker });
    try {
      const { call } = caller(other.url);
      const [program] = (await call('/v1/programs')).json.programs;
      expect(program.model.map(({ name }: { name: string }) => name).sort()).toEqual(['model.safetensors', 'polynomial.json']); // biome-ignore format: short
      for (const { name, sha256 } of program.model) {
        const { text, headers } = await call(`/v1/programs/${program.digest}/model/${name}`);
        expect([text, hex(text)]).toEqual([JSON.stringify(`of ${name}`), sha256]);
        expect(headers.get('x-content-type-options')).toBe('nosniff');
      }
      const stray = await call(`/v1/programs/${program.digest}/model/conversion.json`);
      expect([stray.status, stray.json.code]).toEqual([404, 'unknown-file']);
    } finally {
      await other.close();
      own.dispose();
    }
    // Where it is not, nothing of it is told.
    const [kept] = (await api.call('/v1/programs')).json.programs;
    expect(kept.model).toBeUndefined();
    expect((await api.call(`/v1/programs/${kept.digest}/model/polynomial.json`)).json.code).toBe('unknown-file');
  });

  it.each([
    ['/v1/programs/123', 400, 'invalid'],
    [`/v1/programs/${hex('another')}`, 404, 'unknown-program'],
    [`/v1/programs/${hex('a program')}/client/other.json`, 404, 'unknown-file'],
    [`/v1/programs/${hex('a program')}/client/..%2fmodel.bin`, 400, 'invalid'],
    ['/v1/nothing', 404, 'not-found'],
    ['/v2/programs', 404, 'not-found'],
  ])('%s is refused', async (path, status, code) => {
    const answer = await api.call(path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.json).toMatchObject({ status, code, type: `urn:cipherformer:problem:${code}` });
    expect(answer.json.detail.length + answer.json.hint.length).toBeGreaterThan(20);
  });
});

describe('the page', () => {
  it('is served with a policy that runs scripts of this origin and WebAssembly, and nothing else', async () => {
    const { status, text, headers } = await api.call('/');
    expect(status).toBe(200);
    expect(text).toContain('page');
    expect(headers.get('content-type')).toMatch(/^text\/html/);
    const policy = Object.fromEntries(
      headers
        .get('content-security-policy')!
        .split('; ')
        .map((rule) => [rule.split(' ')[0], rule]),
    );
    expect(policy['default-src']).toBe("default-src 'self'");
    expect(policy['script-src']).toBe("script-src 'self' 'wasm-unsafe-eval'");
    expect(headers.get('content-security-policy')).not.toContain('inline');
    expect((await api.call('/assets/main.js')).headers.get('content-type')).toMatch(/^text\/javascript/);
  });

  it('is read again when it was built anew', async () => {
    writeFileSync(join(place.folder, 'page', 'index.html'), '<!doctype html><title>another</title>');
    const { text, headers } = await api.call('/');
    expect(text).toContain('another');
    expect(headers.get('etag')).toBe(`"${hex(text)}"`);
  });

  it.each([
    '/link.txt',
    '/..%2fprogram%2fmodel.bin',
    '/assets',
    '/%2e%2e/data/lock',
    '/assets%2f..%2findex.html',
    '/%00',
  ])('%s is not in it', async (path) => {
    const { status, text } = await raw(path, {});
    expect([400, 404]).toContain(status);
    expect(text).not.toContain('the model');
  });
});

describe('who may ask', () => {
  it.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('a page at %s', async (name) => {
    expect((await raw('/healthz', { host: `${name}:1234` })).status).toBe(200);
    expect((await raw('/healthz', { host: name })).status).toBe(200);
  });

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'evil.example:80',
    '[::2]',
    '127.0.0.2',
    'localhost.',
  ])('not a page at %s, whose owner pointed that name here', async (host) => {
    for (const [path, method] of [
      ['/healthz', 'GET'],
      ['/', 'GET'],
      ['/v1/keysets', 'GET'],
      ['/v1/nothing', 'GET'],
      ['/v1/keysets', 'POST'],
    ] as const) {
      // biome-ignore format: a list
      const { status, text } = await raw(path, { host }, method);
      expect(status).toBe(421);
      expect(JSON.parse(text).code).toBe('wrong-host');
    }
  });

  it.each([
    ['half an escape', '/v1/keysets/%'],
    ['no escape', '/v1/%zz'],
    ['no UTF-8', '/%c3%28'],
    ['5000 characters', `/v1/keysets/${'a'.repeat(5000)}`],
  ])('row 9: an address that no route can read is refused by a problem document: %s', async (_, path) => {
    const { status, text, headers } = await raw(path, { host: 'localhost' });
    expect(JSON.parse(text)).toMatchObject({ status, code: expect.stringMatching(/^(request-refused|not-found)$/) });
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('no page of another origin is told anything', async () => {
    for (const method of ['GET', 'OPTIONS']) {
      const { headers } = await api.call('/v1/keysets', { method, headers: { origin: 'http://evil.example' } });
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  });

  it('but pages of origins on the list, which send their token themselves', async () => {
    const own = workspace();
    const options = { ...own.options(''), spawnWorker: noWorker, open: true };
    const origin = 'https://models.example';
    const other = await serve({ ...options, allowOrigins: [origin] });
    try {
      const { call } = caller(other.url);
      const ask = (origin: string, method = 'GET') => call('/v1/keysets', { method, headers: { origin } });
      const before = await ask(origin, 'OPTIONS');
      expect(before.status).toBe(204);
      expect(before.headers.get('access-control-allow-headers')).toContain('authorization');
      const asked = await ask(origin);
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
      expect(asked.headers.get('access-control-allow-credentials')).toBe(null);
      for (const method of ['GET', 'OPTIONS'])
        for (const stranger of ['https://evil.example', `${origin}.evil.example`, 'null']) {
          const { headers } = await ask(stranger, method);
          expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
          expect(headers.get('vary')).toContain('origin');
        }
    } finally {
      await other.close();
    }
    for (const wrong of ['*', 'null', 'models.example', `${origin}/path`])
      await expect(serve({ ...options, allowOrigins: [wrong] })).rejects.toThrow(/is no origin: give scheme/);
    await expect(serve({ ...options, open: false, allowOrigins: [origin] })).rejects.toThrow(
      /every request needs a token/,
    );
    own.dispose();
  });

  it('nor can it send what a browser sends without asking: forms and plain text', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      for (const path of ['/v1/keysets', `/v1/jobs?program=${hex('a program')}&keyset=${'0'.repeat(32)}`]) {
        const { status, json } = await api.call(path, {
          method: 'POST',
          headers: { 'content-type': type },
          body: '{}',
        });
        expect(status).toBe(415);
        expect(json.code).toBe('media-type');
      }
    }
  });
});

describe('the log', () => {
  it('has routes, statuses and times, and nothing of what anyone sent', async () => {
    const secret = 'SecretMarker';
    await api.call(`/v1/jobs?program=${secret}&keyset=${secret}`, {
      headers: { cookie: secret, 'user-agent': secret },
    });
    await api.call(`/${secret}`);
    await api.post('/v1/keysets', { [secret]: secret, plan: secret, key: secret, format: secret });
    await api.call('/v1/keysets', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{${secret}`,
    });
    await api.put('0'.repeat(32), part(secret));
    await api.call('/v1/keysets', { method: 'POST', headers: { 'content-type': secret }, body: secret });
    await api.call('/healthz');
    expect(log).toContain('"route":"/healthz"');
    expect(log).toContain('"status":400');
    expect(log).not.toContain(secret);
    expect(log).not.toContain('a program');
  });
});

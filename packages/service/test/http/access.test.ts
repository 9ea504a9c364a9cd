// The service beyond this machine: TLS, names, proxies; health, figures, and slow senders.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caller, format, hex, part, plan, randomParts, serve, stored, until, type Workspace, workspace } from '../support.ts'; // biome-ignore format: a list

let keys: Workspace;
let tls: { cert: Buffer; key: Buffer };
let place: Workspace;
let services: Awaited<ReturnType<typeof serve>>[];
const noWorker = () => {
  throw new Error('no worker in this test');
};

beforeAll(() => {
  keys = workspace();
  const [cert, key] = [join(keys.folder, 'cert.pem'), join(keys.folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=models.example', '-addext', 'subjectAltName=DNS:models.example,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' }); // biome-ignore format: a command
  tls = { cert: readFileSync(cert), key: readFileSync(key) };
});
afterAll(() => keys.dispose());
beforeEach(() => {
  place = workspace();
  services = [];
});
afterEach(async () => {
  for (const service of services) await service.close();
  place.dispose();
});
async function start(changes: Parameters<Workspace['options']>[1] = {}) {
  const service = await serve({ ...place.options(''), spawnWorker: noWorker, ...changes });
  services.push(service);
  return service;
}

/** A request over TLS under a name. */
function ask(port: string, host: string, path = '/v1/keysets'): Promise<{ status: number; json: { code?: string } }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { host }, ca: tls.cert, servername: 'models.example' };
    const sent = httpsRequest(options, (response) => {
      let text = '';
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode!, json: JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('beyond this machine', () => {
  it.each([{ host: '0.0.0.0' }, { host: '::' }, { host: '192.0.2.1', open: true }])(
    'nothing is served in clear: %j',
    async (options) => {
      await expect(start(options)).rejects.toThrow(/can be reached from other machines.*certificate/);
    },
  );

  it('TLS: a token for every request, under the names of the certificate', async () => {
    const { url } = await start({ host: '0.0.0.0', tls });
    const { port, protocol } = new URL(url);
    expect(protocol).toBe('https:');
    for (const name of ['models.example', `models.example:${port}`, 'MODELS.example', '127.0.0.1'])
      expect(await ask(port, name)).toMatchObject({ status: 401, json: { code: 'token-needed' } });
    for (const name of ['other.example', 'localhost', 'models.example.evil.example'])
      expect(await ask(port, name)).toMatchObject({ status: 421, json: { code: 'wrong-host' } });
    expect((await ask(port, 'models.example', '/healthz')).status).toBe(200);
  });

  it('a certificate or a limit that cannot be used is said at the start', async () => {
    await expect(start({ host: '0.0.0.0', tls: { cert: 'x', key: 'x' } })).rejects.toThrow(
      /certificate cannot be read/,
    );
    await expect(start({ limits: { keysets: 0 } })).rejects.toThrow(/the limit keysets cannot be used/);
    await expect(start({ limits: { keyset: 1 } as never })).rejects.toThrow(/limit/);
  });

  it('names that are given are the only ones', async () => {
    const { url } = await start({ behindProxy: true, host: '0.0.0.0', names: ['Models.example'] });
    const at = url.replace('0.0.0.0', '127.0.0.1');
    const send = (host: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(new URL(at).port), '127.0.0.1');
        socket.once('data', (piece) => {
          resolve(String(piece).slice(9, 12));
          socket.destroy();
        });
        socket.write(`GET /v1/keysets HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
      });
    expect([await send('models.example'), await send('models.example:443'), await send('127.0.0.1')]).toEqual(['401', '401', '421']); // biome-ignore format: short
  });
});

describe('operations', () => {
  it('tells that it is alive and ready, and its figures on a port of their own, without a word of an owner', async () => {
    const { url, metricsUrl } = await start({ open: true, metricsPort: 0 });
    const { token } = (await caller(url).call('/v1/owners', { method: 'POST' })).json;
    const api = caller(url, token);
    const { id } = (await api.post('/v1/keysets', { plan, key: '1'.repeat(32), format })).json;
    const [one] = randomParts(1, 1000);
    await api.put(id, one!);
    await caller(url).call('/v1/keysets');
    expect((await api.call('/readyz')).json).toEqual({ status: 'ready', programs: 1 });
    expect((await api.call('/metrics')).status).toBe(404);
    const text = await (await fetch(metricsUrl!)).text();
    for (const line of [
      'cipherformer_up 1', 'cipherformer_owners 2', 'cipherformer_keysets{state="open"} 1', 'cipherformer_part_bytes 1000',
      'cipherformer_queue_tasks 0', 'cipherformer_problems_total{problem="token-needed"} 1',
      'cipherformer_request_seconds_count{method="PUT",route="/v1/keysets/:id/parts/:sha256",status="201"} 1',
    ]) expect(text).toContain(line); // biome-ignore format: a list
    for (const secret of [id, one!.sha256, token, '127.0.0.1']) expect(text).not.toContain(secret);
    expect((await fetch(metricsUrl!.replace('/metrics', '/other'))).status).toBe(404);
  });

  it('takes no more connections than it may have', async () => {
    const { url } = await start({ limits: { connections: 3 } });
    const port = Number(new URL(url).port);
    const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const socket of sockets) socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
    const fourth = connect(port, '127.0.0.1');
    await new Promise((resolve) => fourth.once('close', resolve));
    for (const socket of sockets) socket.destroy();
    await until(() => caller(url).call('/healthz').then(({ status }) => status, () => 0), (status) => status === 200); // biome-ignore format: short
  });

  it('answers a sender that is too slow and lets it go, and keeps nothing of what came', async () => {
    const { url } = await start({ limits: { bytesPerSecond: 2 ** 30 } });
    const { id } = (await caller(url).post('/v1/keysets', { plan, key: '2'.repeat(32), format })).json;
    const one = part('slow');
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (piece) => {
      answer += piece;
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const from = performance.now();
    socket.write(`PUT /v1/keysets/${id}/parts/${one.sha256} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000000\r\n\r\n`); // biome-ignore format: a line
    socket.write('x');
    await closed;
    expect(answer).toMatch(/^HTTP\/1.1 408 .*"too-slow"/s);
    expect(performance.now() - from).toBeLessThan(20_000);
    await until(() => stored(place.data).incoming, (names) => names.length === 0); // biome-ignore format: short
    expect((await caller(url).put(id, one)).status).toBe(201);
    expect(hex('slow')).toBe(one.sha256);
  });
});

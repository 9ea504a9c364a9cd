import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeFetch } from '../src/node-fetch.ts';

let server: Server;
let url: string;
const got: { method: string; headers: IncomingHttpHeaders; body: Buffer }[] = [];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    got.push({ method: request.method!, headers: request.headers, body: Buffer.concat(chunks) });
    if (request.url === '/slow') return;
    if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': '10' }).write('half');
      setTimeout(() => response.destroy(), 20);
      return;
    }
    const status = Number(request.url!.slice(1));
    response
      .writeHead(status, { 'content-type': 'text/plain', 'x-said': 'this' })
      .end(status === 204 ? '' : 'an answer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** What both fetches are asked for here. */
const both = [['ours', nodeFetch], ['Node’s', fetch]] as const; // biome-ignore format: pairs

describe.each(both)('%s', (_, fetched) => {
  it.each([200, 204, 404, 507])('sends bytes and gives status %i, headers and body', async (status) => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i);
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await fetched(`${url}/${status}`, { method: 'PUT', headers, body: bytes });
    expect([response.status, response.ok, response.headers.get('x-said')]).toEqual([status, status < 300, 'this']);
    expect(await response.text()).toBe(status === 204 ? '' : 'an answer');
    const { method, body, headers: sent } = got.at(-1)!;
    expect([method, sent['content-type'], sent['content-length']]).toEqual(['PUT', 'application/octet-stream', '100000']);
    expect(body.equals(bytes)).toBe(true);
  }); // biome-ignore format: lines

  it('sends a part of a buffer, text, and nothing', async () => {
    const buffer = Uint8Array.from([1, 2, 3, 4, 5]);
    await fetched(`${url}/200`, { method: 'POST', body: buffer.subarray(1, 3) });
    await fetched(`${url}/200`, { method: 'POST', body: 'words' });
    await fetched(`${url}/200`);
    expect(got.slice(-3).map(({ method, body }) => [method, body.toString('hex')])).toEqual([
      ['POST', '0203'],
      ['POST', Buffer.from('words').toString('hex')],
      ['GET', ''],
    ]);
  });

  it('rejects when it is stopped, nobody listens, or the answer breaks off', async () => {
    const stop = new AbortController();
    const stopped = fetched(`${url}/slow`, { signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await expect(stopped).rejects.toThrow(/abort/i);
    await expect(fetched('http://127.0.0.1:9/200')).rejects.toThrow();
    const broken = await fetched(`${url}/broken`);
    await expect(broken.text()).rejects.toThrow();
  });
});

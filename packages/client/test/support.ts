import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}
export type Answer = (seen: Seen, response: ServerResponse, count: number) => void | Promise<void>;

/** A server that answers as a test says; `count` is 1 for the first request. */
export async function answering(answer: Answer) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const one = { method: request.method!, url: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
    seen.push(one);
    await answer(one, response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export const digest = (digit: string) => digit.repeat(64);
export const keyset = {
  id: 'a'.repeat(32), plan: digest('b'), key: 'c'.repeat(32), format: 'f', state: 'open', created: '2026-01-01T00:00:00Z', used: '2026-01-01T00:00:00Z', expires: '2026-01-31T00:00:00Z',
}; // biome-ignore format: an object
export const job = {
  id: digest('1'), program: digest('2'), keyset: keyset.id, input: digest('3'), state: 'queued', submitted: keyset.created, attempts: 0,
}; // biome-ignore format: an object

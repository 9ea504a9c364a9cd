import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What many small requests took. */
export interface RequestRates {
  readonly perSecond: number;
  /** Time from a request to the end of its answer that 50 and 99 of a hundred stay below. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

/**
 * Asks the same again and again on some connections, each when its last answer has come. Written on sockets: a client that
 * takes as long as the service would measure itself.
 */
export async function askRepeatedly(
  url: string,
  path: string,
  { connections, seconds, token }: { readonly connections: number; readonly seconds: number; readonly token?: string },
): Promise<RequestRates> {
  const { hostname, port, host } = new URL(url);
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${authorization}\r\n`;
  const times: number[] = [];
  const until = performance.now() + seconds * 1000;
  const one = async () => {
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    const answers = answersOf(socket);
    while (performance.now() < until) {
      const from = performance.now();
      socket.write(request);
      const { value: status } = await answers.next();
      if (status !== 200) throw new Error(`${path} was answered by ${status}`);
      times.push(performance.now() - from);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, one));
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { perSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), requests: times.length };
}

/** The status of each answer that comes whole. */
async function* answersOf(socket: Socket): AsyncGenerator<number, undefined> {
  let read: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    for (;;) {
      const head = read.indexOf('\r\n\r\n');
      if (head < 0) break;
      const text = read.subarray(0, head).toString('latin1');
      const bytes = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (read.length < head + 4 + bytes) break;
      read = read.subarray(head + 4 + bytes);
      yield Number(text.slice(9, 12));
    }
  }
  return undefined;
}

import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';

/** Statuses whose answers have no body, by the Fetch standard. */
const withoutBody = [204, 205, 304];

/**
 * What `Transport` needs of fetch, over Node's own HTTP: bodies go to the socket as they are. Node's fetch copies each twice,
 * and of gigabytes of keys that made the garbage collector half of a client's work. Follows no redirections.
 */
export const nodeFetch: typeof fetch = (input, { method = 'GET', headers, body, signal } = {}) =>
  new Promise((resolve, reject) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const options = { method, headers: Object.fromEntries(new Headers(headers)), ...(signal ? { signal } : {}) };
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const outgoing = request(url, options, (incoming) => {
      try {
        resolve(answerOf(incoming));
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('error', reject);
    outgoing.end(body ?? undefined);
  });

/** @throws RangeError for a status that is none */
function answerOf(incoming: IncomingMessage): Response {
  const { statusCode: status = 0 } = incoming;
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]);
  if (!withoutBody.includes(status))
    return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers });
  incoming.resume();
  return new Response(null, { status, headers });
}

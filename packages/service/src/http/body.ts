import type { IncomingMessage } from 'node:http';
import { secretStartBytes, startsLikeSecretKey } from '@cipherformer/ckks/secret-start';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem.ts';
import { mediaType } from './problems.ts';

/** Most bytes of a refused body that are read (and thrown away) so that its sender gets to read the answer. */
const maxDiscardedBytes = 32 * 2 ** 20;
/** What a body may take before its pace is looked at. */
const patienceMs = 10_000;

/**
 * The length that a request declares.
 * @throws Problem 'length-required' or 'too-large', before any of its body is read
 */
export function declaredBytes(request: FastifyRequest, limit: number): number {
  const declared = request.headers['content-length'];
  if (declared === undefined) {
    throw new Problem(
      'length-required',
      'the request does not say how long its body is',
      'send the body with a Content-Length, not in chunks',
    );
  }
  const bytes = Number(declared);
  if (bytes > limit) {
    throw new Problem(
      'too-large',
      `the body has ${declared} bytes, the limit is ${limit}`,
      'send smaller parts, or the right file',
      { limit },
    );
  }
  return bytes;
}

/**
 * Bodies come as they are: what is unpacked may be of any size.
 * @throws Problem 'media-type', before any of the body is read
 */
export async function refuseEncoded({ headers }: FastifyRequest): Promise<void> {
  if (headers['content-encoding'] !== undefined) throw mediaType();
}

/**
 * The bytes of a body as they come. Leaving the loop early leaves the connection open, so that an answer can be sent.
 * @param bytesPerSecond slowest pace, once it has had ten seconds
 * @throws Problem 'secret-key' when they are a secret key, before the first of them is passed on; 'too-slow'
 */
export async function* chunksOf(body: IncomingMessage, bytesPerSecond: number): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of paced(body, bytesPerSecond)) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < secretStartBytes) continue;
    refuseSecretKey(head);
    yield head;
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield head;
}

/** The chunks of a body that does not come too slowly: a slow sender costs a socket, and that not for long. */
async function* paced(body: IncomingMessage, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const from = performance.now();
  const chunks = (body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let bytes = 0;
  let isWaiting = false;
  try {
    for (;;) {
      const due = from + patienceMs + (bytes / bytesPerSecond) * 1000;
      isWaiting = true;
      const next = await within(chunks.next(), due - performance.now());
      isWaiting = false;
      if (next.done) return;
      bytes += next.value.length;
      yield next.value;
    }
  } finally {
    // While one is waited for it would wait as long.
    if (!isWaiting) await chunks.return?.();
  }
}

/** @throws Problem 'too-slow' */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow()), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): Problem {
  return new Problem(
    'too-slow',
    'the body came slower than this service waits for',
    'send it again on a faster line: parts that are there already need not be sent',
  );
}

function refuseSecretKey(head: Uint8Array): void {
  if (!startsLikeSecretKey(head)) return;
  throw new Problem(
    'secret-key',
    'this is a secret key: it was refused at its first bytes and not kept, but it has left the machine of its owner',
    'treat it as known to others: make a new key and new evaluation keys, and never send the secret one',
  );
}

/** Lets a client that still sends get to the end, and so to the answer; one that sends without end is cut off. */
export function discardRest(body: IncomingMessage): void {
  if (body.complete || body.destroyed) return;
  let bytes = 0;
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxDiscardedBytes) body.destroy();
  });
  body.resume();
}

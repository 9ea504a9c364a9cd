import type { OnProgress, Progress } from '@cipherformer/base';
import { maxMissingBatch } from './protocol.ts';
import type { Transport } from './transport.ts';

/** Parts that are sent at the same time. */
const maxInFlight = 2;
/** Most bytes that wait for the answer whether they are missing. */
const maxWaitingBytes = 16 * 2 ** 20;

export interface UploadPart {
  readonly sha256: string;
  /**
   * The bytes, or how to get them when they turn out to be missing. In browsers a fresh buffer for each part: a buffer
   * that is used again, or Blobs, pile up in memory.
   */
  readonly bytes: Uint8Array<ArrayBuffer> | (() => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>);
}

/** `done` counts the parts of which the service has said that it has them on disk, `total` those that there were so far. */
export interface UploadProgress extends Progress<'keys'> {
  /** Of those that are done, the ones that had to be sent, and their bytes. */
  readonly sentParts: number;
  readonly sentBytes: number;
}

/**
 * Sends those of the parts that the service does not have: two at a time, each dropped when it is there. Asks in
 * batches, so an upload that was cut short goes on where it was. Rejects with the first error, when nothing is under
 * way any more. Memory: 16 MiB of parts that wait and two that are sent.
 * @returns the digests of all parts, in their order, for the list
 */
export async function uploadParts(
  transport: Transport,
  keyset: string,
  parts: AsyncIterable<UploadPart> | Iterable<UploadPart>,
  options: { readonly progress?: OnProgress<UploadProgress>; readonly signal?: AbortSignal } = {},
): Promise<string[]> {
  const { progress, signal } = options;
  const digests: string[] = [];
  const inFlight = new Set<Promise<void>>();
  const sent = { done: 0, sentParts: 0, sentBytes: 0 };
  const report = () => progress?.({ what: 'keys', total: digests.length, ...sent });
  let failure: { readonly error: unknown } | undefined;

  const check = () => {
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure.error;
  };
  const send = async ({ sha256, bytes: source }: UploadPart) => {
    const bytes = typeof source === 'function' ? await source() : source;
    await transport.putPart(keyset, sha256, bytes);
    sent.done++;
    sent.sentParts++;
    sent.sentBytes += bytes.length;
    report();
  };
  const sendMissing = async (batch: UploadPart[]) => {
    if (batch.length === 0) return;
    const missing = new Set(await transport.missing(keyset, [...new Set(batch.map(({ sha256 }) => sha256))]));
    for (let part = batch.shift(); part !== undefined; part = batch.shift()) {
      if (!missing.delete(part.sha256)) {
        sent.done++;
        continue;
      }
      while (inFlight.size >= maxInFlight) await Promise.race(inFlight);
      check();
      const sending: Promise<void> = send(part)
        .catch((error) => {
          failure ??= { error };
        })
        .finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    }
    report();
  };

  try {
    let batch: UploadPart[] = [];
    let waitingBytes = 0;
    for await (const part of parts) {
      check();
      digests.push(part.sha256);
      batch.push(part);
      waitingBytes += typeof part.bytes === 'function' ? 0 : part.bytes.length;
      if (waitingBytes < maxWaitingBytes && batch.length < maxMissingBatch) continue;
      await sendMissing(batch);
      batch = [];
      waitingBytes = 0;
    }
    await sendMissing(batch);
  } finally {
    await Promise.all(inFlight);
  }
  check();
  return digests;
}

import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';

/** Bytes of a SHA-256. */
export const checksumBytes = 32;

/** Below this size the asynchronous platform call costs more than hashing here. */
const platformFrom = 2 ** 14;

/**
 * SHA-256, by the platform where it offers it (ten times as fast; browsers do on secure origins only). It detects
 * damage and names content; it does not prove who wrote it.
 */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined || bytes.length < platformFrom) return portableSha256(bytes);
  return new Uint8Array(await subtle.digest('SHA-256', bytes));
}

/** SHA-256 of bytes that come in chunks, which the platform does not offer. */
export class StreamingSha256 {
  readonly #hash = portableSha256.create();

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Of all chunks together; nothing can be added afterwards. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

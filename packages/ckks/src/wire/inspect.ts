import { bytesToHex } from '@noble/hashes/utils.js';
import { readHeader, type WireKind } from './header.ts';
import { SourceReader, type WireSource } from './source.ts';

/** What the first bytes of an object say, checked by their checksum alone: no parameters or kernels are needed. */
export interface WireSummary {
  readonly kind: WireKind;
  /** Digest of the parameters it belongs to, 64 hexadecimal digits. */
  readonly digest: string;
  /** SHA-256 of the header. It names a key (its seed is in there), not the contents of a ciphertext. */
  readonly id: string;
}

/** Reads only the header of an object, then closes the source. */
export async function inspectWire(source: WireSource): Promise<WireSummary> {
  const from = new SourceReader(source);
  try {
    const { header, checksum } = await readHeader(from);
    header.description.fill(0);
    return { kind: header.kind, digest: header.digest, id: bytesToHex(checksum) };
  } finally {
    await from.close();
  }
}

/** All frames in one array: for small objects (ciphertexts, parameters) and tests. */
export async function wireBytes(
  object: AsyncIterable<Uint8Array> & { readonly bytes: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(object.bytes);
  let at = 0;
  for await (const frame of object) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

import type { KeyPart, KeySpec } from '@cipherformer/ckks';

/** Where a server takes evaluation keys from: a folder, a store, or whoever makes them. */
export interface KeySource {
  /** Names the secret key that they belong to. */
  readonly key: string;
  /** The keys that are there. */
  readonly specs: readonly KeySpec[];
  /** The bytes of a part, its SHA-256 checked. */
  part(part: KeyPart): Promise<Uint8Array>;
}

import { startsLikeSecretKey } from '@cipherformer/ckks';
import { FileError } from '@cipherformer/runtime/server';

/** Some megabytes of evaluation keys, whole for themselves: sent, checked and kept one by one. */
export interface EvaluationKeyPart {
  /** Its number among all parts of the program's keys, from 0. */
  readonly index: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes as a source of one piece. */
export async function* pieceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Callers may mix files up, and a secret key is the one that must not get through. @throws FileError for one */
export function refuseSecret(bytes: Uint8Array): void {
  if (startsLikeSecretKey(bytes))
    throw new FileError(
      'this is a secret key, which never belongs to a server: give what client.evaluationKeys() makes',
    );
}

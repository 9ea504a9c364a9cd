import { startsLikeSecretKey } from '@cipherformer/ckks';
import { FileError } from '@cipherformer/runtime/server';

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

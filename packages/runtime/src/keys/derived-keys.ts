import { KeyPartMaker, type KeySpec, type SecretKey } from '@cipherformer/ckks';
import type { KeySource } from './key-source.ts';

/**
 * Evaluation keys straight from the secret, for a client and a server in one process: tests, measurements, one's own machine.
 * Dispose of it when the keys are loaded.
 * @throws KeyError for a secret of version 1
 */
export function derivedKeys(secret: SecretKey, specs: readonly KeySpec[]): KeySource & Disposable {
  const maker = new KeyPartMaker(secret, specs);
  return {
    key: secret.id,
    specs,
    part: async (part) => maker.make(part),
    [Symbol.dispose]: () => maker[Symbol.dispose](),
  };
}

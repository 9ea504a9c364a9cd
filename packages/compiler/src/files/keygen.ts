import {
  type BootstrapKeySet,
  type BootstrapPlan,
  EvaluationKeys,
  generateBootstrapKeys,
  KeyGenerator,
  type Progress,
  type SecretKey,
} from '@cipherformer/ckks';
import type { KeyPlan } from '../backends/key-plan.ts';

// This module runs where the secret key is: on the client, never on a server.

/** The evaluation keys of a program, and those to and from the sparse secret where it bootstraps. */
export type ProgramKeys = { readonly evaluation: EvaluationKeys } & Partial<BootstrapKeySet> & Disposable;

/**
 * Makes the keys that a plan lists.
 * Cost: a switching key each, `keys.keyBytes` of memory. Errors as generateBootstrapKeys.
 */
export function generateProgramKeys(
  secret: SecretKey,
  bootstrap: BootstrapPlan,
  keys: KeyPlan,
  progress?: Progress,
): ProgramKeys {
  const own: ProgramKeys = keys.bootstraps
    ? generateBootstrapKeys(secret, bootstrap, progress)
    : bare(new EvaluationKeys(secret.context));
  try {
    const generator = new KeyGenerator(secret);
    const { parameters } = secret.context;
    const total = keys.relinearisations.length + keys.galois.length;
    let done = 0;
    for (const level of keys.relinearisations) {
      own.evaluation.addRelinearisation(generator.relinearisation(level));
      progress?.('program keys', ++done, total);
    }
    for (const use of keys.galois) {
      own.evaluation.addGalois(generator.galois(use, parameters.gadgetWith(use.level, keys.special)));
      progress?.('program keys', ++done, total);
    }
    return own;
  } catch (error) {
    own[Symbol.dispose]();
    throw error;
  }
}

function bare(evaluation: EvaluationKeys): ProgramKeys {
  return { evaluation, [Symbol.dispose]: () => evaluation[Symbol.dispose]() };
}

import type { OnProgress } from '@cipherformer/base';
import {
  type Context,
  EvaluationKeys,
  ephemeralWeight,
  KeyGenerator,
  randomSeed,
  SecretKey,
  type SwitchingKey,
} from '../../scheme/index.ts';
import type { BootstrapPlan } from './bootstrap-plan.ts';

/** The evaluation keys of a bootstrap. */
export interface BootstrapKeys extends Disposable {
  readonly evaluation: EvaluationKeys;
  /** To the sparse ephemeral secret, under q0 and one special prime. */
  readonly toSparse: SwitchingKey;
  /** Back to the dense secret, at the top of the chain. */
  readonly toDense: SwitchingKey;
}

/**
 * Makes the keys of a plan. The ephemeral secret exists only in here.
 * Cost: plan.galoisUses() + 3 switching keys, plan.keyBytes of memory.
 * @throws OperandError for a plan of other parameters, ParameterError where the ephemeral secret would not be secure
 */
export function generateBootstrapKeys(secret: SecretKey, plan: BootstrapPlan, progress?: OnProgress): BootstrapKeys {
  const { context } = secret;
  const { parameters } = context;
  plan.require(parameters);
  const generator = new KeyGenerator(secret);
  const uses = plan.galoisUses();
  const total = uses.length + 3;
  const evaluation = new EvaluationKeys(context);
  const held: Disposable[] = [evaluation];
  const holding = <T extends Disposable>(key: T): T => {
    held.push(key);
    return key;
  };
  const release = () => {
    for (const key of held) key[Symbol.dispose]();
  };
  try {
    using sparse = ephemeralSecret(context);
    const toSparse = holding(generator.switchTo(sparse, 0, plan.encapsulation));
    const top = parameters.maxLevel;
    const toDense = holding(new KeyGenerator(sparse).switchTo(secret, top, parameters.gadget(top)));
    evaluation.addRelinearisation(generator.relinearisation(plan.splitLevel));
    progress?.({ what: 'bootstrap keys', done: 3, total });
    for (const [i, use] of uses.entries()) {
      evaluation.addGalois(generator.galois(use));
      progress?.({ what: 'bootstrap keys', done: i + 4, total });
    }
    return { evaluation, toSparse, toDense, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

function ephemeralSecret(context: Context): SecretKey {
  const seed = randomSeed();
  try {
    return new SecretKey(context, seed, ephemeralWeight);
  } finally {
    seed.fill(0);
  }
}

import { Slab } from '../../kernels/index.ts';
import { checkKeySpec, gadgetOf, type KeySpec, secretPaths } from '../keys/key-spec.ts';
import type { Context } from '../parameters/context.ts';
import { digitInfo } from '../seeds/derivation.ts';
import { generateDigit } from './keygen.ts';
import type { SecretKey } from './secret-key.ts';

/** The half of a digit that is not its seed. */
export interface KeyDigit {
  /** Of the uniform half: public. */
  readonly seed: Uint8Array<ArrayBuffer>;
  /** Address of [limbs][N] words, valid until the next digit is made. */
  readonly address: number;
}

/**
 * Makes evaluation keys one digit at a time, b halves alone, from seeds derived from the owner's master: the same digit
 * gives the same bytes on every build, as often as it is asked for. Runs where the secret lives: never on a server.
 * Cost: memory of two polynomials over the whole ring, whatever the number of keys, and of the sparse secret.
 */
export class KeyDigits implements Disposable {
  readonly #context: Context;
  readonly #secret: SecretKey;
  readonly #b: Slab;
  /** A polynomial that follows from the secret: of the key in `#prepared`. */
  readonly #derived: Slab;
  #prepared: string | undefined;
  #sparse: SecretKey | undefined;

  /** @throws KeyError for a secret of version 1 */
  constructor(secret: SecretKey) {
    const { context } = secret;
    const words = context.ring.primes.length * context.ring.n;
    this.#context = context;
    this.#secret = secret;
    this.#b = new Slab(context.kernels, words);
    this.#derived = new Slab(context.kernels, words, true);
  }

  /** @throws ParameterError for a key that may not be made */
  make(spec: KeySpec, digit: number): KeyDigit {
    const { parameters } = this.#context;
    checkKeySpec(parameters, spec);
    const gadget = gadgetOf(parameters, spec);
    const of = { ...spec, ...secretPaths(parameters, spec), gadget, digit };
    const seed = this.#secret.derive(digitInfo(parameters, { ...of, half: 'a' }));
    const noiseSeed = this.#secret.derive(digitInfo(parameters, { ...of, half: 'e' }));
    generateDigit(this.#b.address(), null, { ...of, publicSeed: seed, noiseSeed, ...this.#secrets(spec) });
    noiseSeed.fill(0);
    return { seed, address: this.#b.address() };
  }

  /** The polynomials that `secretPaths` names. */
  #secrets(spec: KeySpec): { secret: SecretKey; under: number; message: number } {
    const secret = this.#secret;
    const sparse = () => {
      this.#sparse ??= secret.sparse();
      return this.#sparse;
    };
    switch (spec.role) {
      case 'relinearisation':
        return { secret, under: secret.limb(), message: this.#prepare('square', spec) };
      case 'galois':
        return { secret, under: this.#prepare(`automorphism ${spec.galois}`, spec), message: secret.limb() };
      case 'toSparse':
        return { secret: sparse(), under: sparse().limb(), message: secret.limb() };
      case 'toDense':
        return { secret, under: secret.limb(), message: sparse().limb() };
    }
  }

  /** The square or an automorphism of the dense secret: made once for all digits of a key. */
  #prepare(name: string, spec: KeySpec): number {
    const { parameters, ring } = this.#context;
    const { under, message } = secretPaths(parameters, spec);
    const at = this.#derived.address();
    if (this.#prepared === name) return at;
    const all = ring.primes.map((_, i) => i);
    // Where it fails, the memory holds neither polynomial: under one seed, a mixture would be a second message.
    this.#prepared = undefined;
    if (message.power === 2) ring.multiply(at, this.#secret.limb(), this.#secret.limb(), all);
    else ring.automorphism(at, this.#secret.limb(), under.automorphism, all.length);
    this.#prepared = name;
    return at;
  }

  [Symbol.dispose](): void {
    this.#b.release();
    this.#derived.release();
    this.#sparse?.[Symbol.dispose]();
  }
}

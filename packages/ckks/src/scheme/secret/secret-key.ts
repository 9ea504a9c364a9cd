import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { KeyError, SecrecyError } from '../../errors/index.ts';
import { Op, Slab } from '../../kernels/index.ts';
import type { Context } from '../parameters/context.ts';
import { ephemeralWeight } from '../parameters/security.ts';
import { deriveSeed, extractMaster, keyIdInfo, masterBytes, secretInfo } from '../seeds/derivation.ts';
import { erasableCopy, seedBytes, smallKind, withSeed } from '../seeds/random.ts';

const secretNotice = '[secret key]';

// The net under dispose, as slabs have theirs: a key that is garbage-collected undisposed has its bytes erased.
const net = new FinalizationRegistry<readonly Uint8Array[]>(erase);

function erase(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/**
 * The secret: a ternary polynomial, in NTT form modulo every prime. It cannot be turned into JSON or printed; dispose
 * of it to erase it. All that a key file holds are 32 bytes: a master, from which the secret and its evaluation keys are
 * derived, or, of version 1, the seed of the polynomial itself.
 */
export class SecretKey implements Disposable {
  readonly context: Context;
  /** Hamming weight of an ephemeral sparse secret; undefined: uniform ternary. */
  readonly weight: number | undefined;
  readonly #slab: Slab;
  readonly #exported: Uint8Array<ArrayBuffer>;
  /** HKDF's pseudorandom key. */
  #extracted: Uint8Array<ArrayBuffer> | undefined;
  /** All of the above that is to be erased. */
  readonly #erasable: Uint8Array[] = [];

  /** A secret from the seed of its polynomial, of version 1: it has no master to derive anything from. */
  constructor(context: Context, seed: Uint8Array, weight?: number) {
    if (seed.length !== seedBytes) throw new KeyError(`a secret key's seed has ${seedBytes} bytes, not ${seed.length}`);
    this.context = context;
    this.weight = weight;
    this.#exported = erasableCopy(seed);
    this.#erasable.push(this.#exported);
    net.register(this, this.#erasable, this);
    const { ring, kernels } = context;
    const all = ring.primes.map((_, i) => i);
    this.#slab = new Slab(kernels, all.length * ring.n, true);
    const kind = weight === undefined ? smallKind.ternary : smallKind.sparseTernary;
    withSeed(kernels, seed, (address) => {
      kernels.call(Op.sampleSmall, ring.handle, this.#slab.address(), address, 0, kind, weight ?? 0, all);
    });
  }

  /** The secret of a 32-byte master under these parameters: other parameters give another secret. */
  static fromMaster(context: Context, master: Uint8Array): SecretKey {
    if (master.length !== masterBytes) throw new KeyError(`a master has ${masterBytes} bytes, not ${master.length}`);
    const extracted = extractMaster(master);
    const seed = deriveSeed(extracted, secretInfo(context.parameters, 'dense'));
    const key = new SecretKey(context, seed);
    seed.fill(0);
    key.#exported.set(master);
    key.#extracted = extracted;
    key.#erasable.push(extracted);
    return key;
  }

  /** 2 where it has a master, and with it evaluation keys that can be made again; 1 for the seed of a polynomial. */
  get version(): 1 | 2 {
    return this.#extracted === undefined ? 1 : 2;
  }

  /** Address of the limb of ring prime `prime`; all limbs follow each other in the order of the ring's primes. */
  limb(prime = 0): number {
    this.#checkAlive();
    return this.#slab.address(prime * this.context.ring.n);
  }

  /** Names the key to its owner's files and to servers, 32 hexadecimal digits: a hash that tells nothing about it. */
  get id(): string {
    this.#checkAlive();
    const bytes = this.#extracted
      ? deriveSeed(this.#extracted, keyIdInfo(this.context.parameters))
      : sha256.create().update(utf8ToBytes('cipherformer key id')).update(this.#exported).digest();
    return bytesToHex(bytes.subarray(0, 16));
  }

  /** The sparse ephemeral secret that belongs to this one; dispose of it. @throws KeyError for a key of version 1 */
  sparse(): SecretKey {
    const seed = this.derive(secretInfo(this.context.parameters, 'sparse'));
    try {
      return new SecretKey(this.context, seed, ephemeralWeight);
    } finally {
      seed.fill(0);
    }
  }

  /** 32 bytes for the one use that `info` names; erase them. @throws KeyError for a key of version 1 */
  derive(info: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#checkAlive();
    if (this.#extracted === undefined)
      throw new KeyError(
        'this secret key is of version 1, from which no evaluation keys are derived: it only decrypts old results; make a new one with SecretKey.fromMaster',
      );
    return deriveSeed(this.#extracted, info);
  }

  /** A copy of the master, or of the seed of version 1, for writing a key file. Handle it like the key, erase it with fill(0). */
  exportBytes(): Uint8Array<ArrayBuffer> {
    this.#checkAlive();
    return erasableCopy(this.#exported);
  }

  [Symbol.dispose](): void {
    this.#slab.release();
    net.unregister(this);
    erase(this.#erasable);
  }

  toJSON(): never {
    throw new SecrecyError(
      'a secret key cannot become JSON; write it with writeSecretKey, which makes the file private',
    );
  }

  toString(): string {
    return secretNotice;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return secretNotice;
  }

  #checkAlive(): void {
    if (this.#slab.released) throw new KeyError('the secret key was disposed of; load it again');
  }
}

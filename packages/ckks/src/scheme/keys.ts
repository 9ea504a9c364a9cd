import { CkksError, KeyError, OperandError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import type { Basis } from '../ring/index.ts';
import type { Context } from './context.ts';
import type { Gadget, Parameters } from './parameters.ts';
import { erasableCopy, seedBytes, smallKind, withSeed } from './random.ts';

const secretNotice = '[secret key]';

/**
 * The secret: a ternary polynomial, in NTT form modulo every prime. It cannot be turned into JSON or printed; dispose
 * of it to erase it. Its 32-byte seed is all that a key file holds.
 */
export class SecretKey implements Disposable {
  readonly context: Context;
  /** Hamming weight of an ephemeral sparse secret; undefined: uniform ternary. */
  readonly weight: number | undefined;
  readonly #slab: Slab;
  readonly #seed: Uint8Array<ArrayBuffer>;

  constructor(context: Context, seed: Uint8Array, weight?: number) {
    if (seed.length !== seedBytes) throw new KeyError(`a secret key's seed has ${seedBytes} bytes, not ${seed.length}`);
    this.context = context;
    this.weight = weight;
    this.#seed = erasableCopy(seed);
    const { ring, kernels } = context;
    const all = ring.primes.map((_, i) => i);
    this.#slab = new Slab(kernels, all.length * ring.n, true);
    const kind = weight === undefined ? smallKind.ternary : smallKind.sparseTernary;
    withSeed(kernels, seed, (address) => {
      kernels.call(Op.sampleSmall, ring.handle, this.#slab.address(), address, 0, kind, weight ?? 0, all);
    });
  }

  /** Address of the limb of ring prime `prime`; all limbs follow each other in the order of the ring's primes. */
  limb(prime = 0): number {
    if (this.#slab.released) throw new KeyError('the secret key was disposed of; load it again');
    return this.#slab.address(prime * this.context.ring.n);
  }

  /** A copy of the seed, for writing a key file. Handle it like the key itself, and erase it with fill(0). */
  exportSeed(): Uint8Array<ArrayBuffer> {
    if (this.#slab.released) throw new KeyError('the secret key was disposed of; load it again');
    return erasableCopy(this.#seed);
  }

  [Symbol.dispose](): void {
    this.#slab.release();
    this.#seed.fill(0);
  }

  toJSON(): never {
    throw new CkksError('a secret key cannot become JSON; write it with writeSecretKey, which makes the file private');
  }

  toString(): string {
    return secretNotice;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return secretNotice;
  }
}

/** (b, a) with b = -a s + e over the whole chain and the first special prime, which encryption divides away. */
export class PublicKey implements Disposable {
  readonly context: Context;
  readonly seed: Uint8Array<ArrayBuffer>;
  /** [2][chain, first special prime][N]: b, then a. */
  readonly slab: Slab;

  constructor(context: Context, seed: Uint8Array<ArrayBuffer>, slab: Slab) {
    this.context = context;
    this.seed = seed;
    this.slab = slab;
  }

  /** Ring primes of both halves: the whole chain and the first special prime. */
  static basis(parameters: Parameters): Basis {
    return [...parameters.basis(parameters.maxLevel), ...parameters.specialBasis(1)];
  }

  get limbs(): number {
    return this.context.parameters.maxLevel + 2;
  }

  [Symbol.dispose](): void {
    this.slab.release();
  }
}

/**
 * Switches a polynomial from one secret to another, at its level and below. Layout [digit][2][limbs][N], limbs = the
 * chain up to `level`, then the gadget's special primes; half 1 is uniform, expanded from the public seed.
 */
export class SwitchingKey implements Disposable {
  readonly context: Context;
  readonly level: number;
  readonly gadget: Gadget;
  /** The automorphism to apply after switching: 1 for none. */
  readonly galois: number;
  readonly seed: Uint8Array<ArrayBuffer>;
  readonly slab: Slab;

  constructor(context: Context, level: number, gadget: Gadget, galois: number, seed: Uint8Array<ArrayBuffer>) {
    this.context = context;
    this.level = level;
    this.gadget = gadget;
    this.galois = galois;
    this.seed = seed;
    this.slab = new Slab(context.kernels, switchingKeyWords(context.ring.n, level, gadget));
  }

  get limbs(): number {
    return this.level + 1 + this.gadget.special;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return 8 * this.slab.words;
  }

  /** Address of half 0 (pseudorandom b) or 1 (uniform a) of digit `digit`. */
  half(digit: number, half: 0 | 1): number {
    return this.slab.address((2 * digit + half) * this.limbs * this.context.ring.n);
  }

  /** The stream base of the uniform half of a digit; the ring-prime index is added for each limb. */
  static stream(digit: number): number {
    return digit * 2 ** 16;
  }

  [Symbol.dispose](): void {
    this.slab.release();
  }
}

/** 64-bit words of a switching key, both halves. */
export function switchingKeyWords(n: number, level: number, gadget: Gadget): number {
  return gadget.digitSizes.length * 2 * (level + 1 + gadget.special) * n;
}

/** What a server needs: public by nature, and only the keys that its program uses. */
export class EvaluationKeys implements Disposable {
  readonly context: Context;
  readonly #relinearisation: SwitchingKey[] = [];
  readonly #galois = new Map<number, SwitchingKey[]>();

  constructor(context: Context) {
    this.context = context;
  }

  addRelinearisation(key: SwitchingKey): this {
    this.context.require(key.context, 'the relinearisation key');
    insert(this.#relinearisation, key);
    return this;
  }

  addGalois(key: SwitchingKey): this {
    this.context.require(key.context, 'the rotation key');
    if (!this.#galois.has(key.galois)) this.#galois.set(key.galois, []);
    insert(this.#galois.get(key.galois)!, key);
    return this;
  }

  /** The smallest relinearisation key that serves `level`. */
  relinearisation(level: number): SwitchingKey {
    return serving(this.#relinearisation, level, 'relinearisation key', 'KeyGenerator.relinearisation');
  }

  /** The smallest key for the automorphism `galois` that serves `level`, with `special` special primes if given. */
  galois(galois: number, level: number, what: string, special?: number): SwitchingKey {
    const keys = (this.#galois.get(galois) ?? []).filter(
      (key) => special === undefined || key.gadget.special === special,
    );
    // With `special` given, the advice is a key of exactly this level: made for a higher one it may have more special primes.
    return serving(keys, level, `key for ${what}`, 'KeyGenerator.galois', special !== undefined);
  }

  /** Whether a key for the automorphism `galois` serves `level`. */
  hasGalois(galois: number, level: number): boolean {
    return this.#galois.get(galois)?.some((key) => key.level >= level) ?? false;
  }

  /** Every key: first those of relinearisation, then those of each automorphism, lowest level first. */
  *all(): Generator<SwitchingKey> {
    yield* this.#relinearisation;
    for (const keys of this.#galois.values()) yield* keys;
  }

  get bytes(): number {
    let sum = 0;
    for (const key of this.all()) sum += key.bytes;
    return sum;
  }

  [Symbol.dispose](): void {
    for (const key of this.all()) key[Symbol.dispose]();
  }
}

function insert(keys: SwitchingKey[], key: SwitchingKey): void {
  if (keys.some((k) => k.level === key.level && k.gadget.special === key.gadget.special)) {
    throw new OperandError(
      `there already is a key for automorphism ${key.galois} at level ${key.level}: add each key once, and dispose of this one`,
    );
  }
  keys.push(key);
  keys.sort((a, b) => a.level - b.level);
}

function serving(
  keys: readonly SwitchingKey[],
  level: number,
  what: string,
  maker: string,
  exact = false,
): SwitchingKey {
  const key = keys.find((k) => k.level >= level);
  if (key) return key;
  const highest = keys.at(-1)?.level;
  throw new KeyError(
    `missing ${what} at level ${level}${highest === undefined ? '' : ` (the highest there is serves level ${highest})`}: ` +
      `generate it with ${maker} at level ${level}${exact ? '' : ' or above'} and add it to the evaluation keys`,
  );
}

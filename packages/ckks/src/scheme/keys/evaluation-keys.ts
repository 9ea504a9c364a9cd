import { KeyError, OperandError } from '../../errors/index.ts';
import { Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import type { Context } from '../parameters/context.ts';
import type { Gadget, Parameters } from '../parameters/parameters.ts';

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
 * chain up to `level`, then the gadget's special primes; half 1 is uniform, expanded from the digit's public seed.
 */
export class SwitchingKey implements Disposable {
  readonly context: Context;
  readonly level: number;
  readonly gadget: Gadget;
  /** The automorphism to apply after switching: 1 for none. */
  readonly galois: number;
  /** The public seed of each digit's uniform half. */
  readonly seeds: readonly Uint8Array<ArrayBuffer>[];
  readonly slab: Slab;

  constructor(
    context: Context,
    level: number,
    gadget: Gadget,
    galois: number,
    seeds: readonly Uint8Array<ArrayBuffer>[],
  ) {
    if (seeds.length !== gadget.digitSizes.length)
      throw new KeyError(`a key of ${gadget.digitSizes.length} digits has as many seeds, not ${seeds.length}`);
    this.context = context;
    this.level = level;
    this.gadget = gadget;
    this.galois = galois;
    this.seeds = seeds;
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

  /** Ring primes of the limbs of each half. */
  get basis(): Basis {
    return digitBasis(this.context.parameters, this.level, this.gadget);
  }

  [Symbol.dispose](): void {
    this.slab.release();
  }
}

/** Ring primes of a digit's limbs: the chain up to `level`, then the gadget's special primes. */
export function digitBasis(parameters: Parameters, level: number, gadget: Gadget): Basis {
  return [...parameters.basis(level), ...parameters.specialBasis(gadget.special)];
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

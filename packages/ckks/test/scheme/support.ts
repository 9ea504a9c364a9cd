// What the tests of the scheme and its circuits share: small insecure parameters, keys made once, errors measured.
import { sha256 } from '@noble/hashes/sha2.js';
import { vi } from 'vitest';
import type { BuildName } from '../../src/kernels/index.ts';
import {
  type Ciphertext,
  Context,
  decryptToPlaintext,
  type EncodeOptions,
  Encoder,
  EvaluationKeys,
  Evaluator,
  encryptSymmetric,
  KeyGenerator,
  Parameters,
  type ParametersLiteral,
  SecretKey,
  type Slots,
} from '../../src/scheme/index.ts';

/** Small enough for milliseconds an operation; two digits at the top level, one at the bottom. */
export const smallLiteral: ParametersLiteral = {
  logN: 11,
  chainBits: [50, 40, 40, 40, 40, 40],
  specialBits: [50, 50],
  scaleBits: 40,
};

/**
 * Replaces the platform's randomness by a fixed stream until `vi.restoreAllMocks()`: the same keys and errors in every
 * run, so that a statistical test always passes or never does.
 */
export function fixRandomness(name: string): void {
  let drawn = 0;
  vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation((array) => {
    const bytes = array as unknown as Uint8Array;
    bytes.set(sha256(new TextEncoder().encode(`${name} ${drawn++}`)).subarray(0, bytes.length));
    return array;
  });
}

/** mulberry32: the values that tests encode, the same in every run. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** Complex slots with both parts uniform in [-size, size). */
export function randomSlots(count: number, seed: number, size = 1): Slots {
  const next = uniform(seed);
  const part = () => Float64Array.from({ length: count }, () => size * next());
  return { real: part(), imag: part() };
}

export function realSlots(count: number, value: (i: number) => number): Slots {
  return { real: Float64Array.from({ length: count }, (_, i) => value(i)), imag: new Float64Array(count) };
}

/** The slots of f(a, b) for complex a and b, as pairs [real, imaginary]. */
export function zip(a: Slots, b: Slots, f: (x: readonly number[], y: readonly number[]) => readonly number[]): Slots {
  const real = new Float64Array(a.real.length);
  const imag = new Float64Array(a.real.length);
  for (let i = 0; i < real.length; i++) {
    const [x, y] = f([a.real[i]!, a.imag[i]!], [b.real[i]!, b.imag[i]!]);
    real[i] = x!;
    imag[i] = y!;
  }
  return { real, imag };
}

export const plus = (a: Slots, b: Slots) => zip(a, b, ([x, y], [u, v]) => [x! + u!, y! + v!]);
export const minus = (a: Slots, b: Slots) => zip(a, b, ([x, y], [u, v]) => [x! - u!, y! - v!]);
export const times = (a: Slots, b: Slots) => zip(a, b, ([x, y], [u, v]) => [x! * u! - y! * v!, x! * v! + y! * u!]);

export function turned({ real, imag }: Slots, steps: number): Slots {
  const n = real.length;
  const turn = (v: Float64Array) => v.map((_, i) => v[(((i + steps) % n) + n) % n]!);
  return { real: turn(real), imag: turn(imag) };
}

export function conjugated({ real, imag }: Slots): Slots {
  return { real: real.slice(), imag: imag.map((x) => -x) };
}

/** Mean of |z|^2. */
export function meanSquare({ real, imag }: Slots): number {
  let sum = 0;
  for (let i = 0; i < real.length; i++) sum += real[i]! ** 2 + imag[i]! ** 2;
  return sum / real.length;
}

/** Root mean square of the real and imaginary errors. */
export function deviation(a: Slots, b: Slots): number {
  return Math.sqrt(meanSquare(minus(a, b)) / 2);
}

/** The largest error of any real or imaginary part. */
export function worst(a: Slots, b: Slots): number {
  const { real, imag } = minus(a, b);
  let max = 0;
  for (const x of real) max = Math.max(max, Math.abs(x));
  for (const x of imag) max = Math.max(max, Math.abs(x));
  return max;
}

/** A context with a secret key and everything that uses them. */
export class Laboratory implements Disposable {
  readonly context: Context;
  readonly parameters: Parameters;
  readonly encoder: Encoder;
  readonly secret: SecretKey;
  readonly generator: KeyGenerator;
  readonly keys: EvaluationKeys;
  readonly evaluator: Evaluator;

  constructor(context: Context) {
    this.context = context;
    this.parameters = context.parameters;
    this.encoder = new Encoder(context);
    this.secret = new SecretKey(context, new Uint8Array(32).fill(7));
    this.generator = new KeyGenerator(this.secret);
    this.keys = new EvaluationKeys(context);
    this.evaluator = new Evaluator(context, this.keys);
  }

  static async create(literal: ParametersLiteral = smallLiteral, build?: BuildName): Promise<Laboratory> {
    const parameters = Parameters.from(literal, { insecure: true });
    return new Laboratory(await Context.create(parameters, { build, threads: 1, insecure: true }));
  }

  /** Adds a relinearisation key and keys for these rotations, at the top level unless stated. */
  withKeys(rotations: readonly number[] = [], level = this.parameters.maxLevel): this {
    this.keys.addRelinearisation(this.generator.relinearisation(level));
    for (const steps of rotations) this.keys.addGalois(this.generator.rotation(steps, level));
    return this;
  }

  encrypt({ real, imag }: Slots, options: EncodeOptions = {}): Ciphertext {
    using plaintext = this.encoder.encode(real, imag, options);
    return encryptSymmetric(this.secret, plaintext).ciphertext;
  }

  decrypt(ciphertext: Ciphertext): Slots {
    using plaintext = decryptToPlaintext(this.secret, ciphertext);
    return this.encoder.decode(plaintext);
  }

  /** Decrypts and disposes of the ciphertext. */
  open(ciphertext: Ciphertext): Slots {
    using done = ciphertext;
    return this.decrypt(done);
  }

  [Symbol.dispose](): void {
    this.keys[Symbol.dispose]();
    this.secret[Symbol.dispose]();
    this.context[Symbol.dispose]();
  }
}

/** The words of a ciphertext's polynomials, for comparing ciphertexts bit by bit. */
export function wordsOf(ciphertext: Ciphertext): BigUint64Array[] {
  const words = (ciphertext.level + 1) * ciphertext.context.ring.n;
  return Array.from({ length: ciphertext.size }, (_, i) => {
    const bytes = ciphertext.context.kernels.view(ciphertext.part(i), 8 * words).slice();
    return new BigUint64Array(bytes.buffer);
  });
}

import { OperandError, SecrecyError } from '../../errors/index.ts';
import { Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import type { Context } from '../parameters/context.ts';
import { checkScale } from '../parameters/range.ts';

/** Relative difference up to which two scales count as equal: doubles carry 53 bits, messages far fewer than 40. */
const scaleTolerance = 2 ** -40;

export function sameScale(a: number, b: number): boolean {
  return Math.abs(a - b) <= scaleTolerance * Math.max(a, b);
}

/** What a ciphertext and a plaintext share: polynomials in NTT form at a level, with a scale and a number of slots. */
abstract class Element implements Disposable {
  readonly context: Context;
  readonly slab: Slab;
  /** Number of polynomials. */
  readonly size: number;
  /** Number of complex slots the values fill, a power of two up to N/2; fewer repeat periodically. */
  slots: number;
  /** The factor between the stored and the meant value. */
  scale: number;
  readonly #limbs: number;
  #level: number;

  constructor(context: Context, size: number, level: number, scale: number, slots: number, secret: boolean) {
    context.parameters.checkLevel(level);
    this.context = context;
    this.size = size;
    this.#level = level;
    this.#limbs = level + 1;
    this.scale = scale;
    this.slots = slots;
    this.slab = new Slab(context.kernels, size * this.#limbs * context.ring.n, secret);
  }

  get level(): number {
    return this.#level;
  }

  get basis(): Basis {
    return this.context.parameters.basis(this.#level);
  }

  get bytes(): number {
    return 8 * this.slab.words;
  }

  /** Address of polynomial `index`. */
  part(index: number): number {
    return this.slab.address(index * this.#limbs * this.context.ring.n);
  }

  /**
   * Forgets the upper limbs, in place: the same value at a lower level, at no cost. Returns the value itself.
   * @throws OperandError for a level above, and for one whose modulus is too small for the scale
   */
  dropTo(level: number): this {
    this.context.parameters.checkLevel(level);
    if (level > this.#level)
      throw new OperandError(`cannot raise a value from level ${this.#level} to ${level}: bootstrap it`);
    if (level < this.#level) checkScale(this.context.parameters, this.scale, level);
    this.#level = level;
    return this;
  }

  [Symbol.dispose](): void {
    this.slab.release();
  }
}

/** An encoded vector of slots: what somebody encrypts, so it is erased on release. */
export class Plaintext extends Element {
  constructor(context: Context, level: number, scale: number, slots: number) {
    super(context, 1, level, scale, slots, true);
  }
}

/**
 * A decrypted plaintext with its noise, from which, together with the ciphertext, the secret key follows (Li and
 * Micciancio, EUROCRYPT 2021). It stays with the key's owner: no wire format takes it, and dispose erases it.
 */
export class DecryptedPlaintext extends Plaintext {
  toJSON(): never {
    throw new SecrecyError(
      'a decrypted plaintext cannot become JSON: its noise reveals the secret key; share PrivateSlots',
    );
  }
}

/** An encrypted vector of slots: two polynomials, three between a product and its relinearisation. */
export class Ciphertext extends Element {
  constructor(context: Context, level: number, scale: number, slots: number, size = 2) {
    super(context, size, level, scale, slots, false);
  }

  /** A ciphertext of the same shape with undefined contents. */
  like(changes: { level?: number; scale?: number; size?: number } = {}): Ciphertext {
    return new Ciphertext(
      this.context,
      changes.level ?? this.level,
      changes.scale ?? this.scale,
      this.slots,
      changes.size ?? this.size,
    );
  }

  /** Sets every polynomial to zero. */
  clear(): void {
    const words = (this.level + 1) * this.context.ring.n;
    for (let i = 0; i < this.size; i++) this.context.kernels.view(this.part(i), 8 * words).fill(0);
  }

  copy(): Ciphertext {
    const result = this.like();
    const words = (this.level + 1) * this.context.ring.n;
    for (let i = 0; i < this.size; i++) {
      copyWords(this.context, result.part(i), this.part(i), words);
    }
    return result;
  }
}

/** Copies words between addresses of one kernel instance. */
function copyWords(context: Context, dst: number, src: number, words: number): void {
  context.kernels.view(dst, 8 * words).set(context.kernels.view(src, 8 * words));
}

import { type Ciphertext, Encoder, type Evaluator, type Plaintext } from '@cipherformer/ckks';

/** The imaginary unit in every slot: X^(N/2), at scale 1, so that products with it are exact and take no level. */
export class ImaginaryUnit implements Disposable {
  readonly #evaluator: Evaluator;
  readonly #plaintext: Plaintext;

  /** @param top the highest level of what is multiplied */
  constructor(evaluator: Evaluator, top: number) {
    this.#evaluator = evaluator;
    this.#plaintext = new Encoder(evaluator.context).encode([0], [1], { level: top, scale: 1, slots: 1 });
  }

  /** i * a: a new ciphertext. */
  times(a: Ciphertext): Ciphertext {
    return this.#evaluator.multiplyPlain(a, this.#plaintext);
  }

  /**
   * The real part of every slot, as x + conj(x), at twice the scale: a new ciphertext; with `imaginary` the imaginary part,
   * i (conj(x) - x), too. Cost: a conjugation.
   */
  parts(x: Ciphertext, imaginary: boolean): { readonly real: Ciphertext; readonly imaginary?: Ciphertext } {
    using conjugate = this.#evaluator.conjugate(x);
    const real = this.#evaluator.add(x, conjugate);
    real.scale *= 2;
    if (!imaginary) return { real };
    using difference = this.#evaluator.subtract(conjugate, x);
    const part = this.times(difference);
    part.scale *= 2;
    return { real, imaginary: part };
  }

  [Symbol.dispose](): void {
    this.#plaintext[Symbol.dispose]();
  }
}

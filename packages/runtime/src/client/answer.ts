import { SecrecyError } from '@cipherformer/ckks';
import { ShareError } from '../errors.ts';

const privateNotice = '[private answer: label, inRange and reason; reveal() gives its owner the rest]';

export interface AnswerSource {
  /** [outputs] */
  readonly logits: Float64Array;
  /** Why the input left the range that the model is made for, where it did. */
  readonly reason?: string | undefined;
  /** Names of the classes. Default: the numbers of the outputs. */
  readonly classes?: readonly string[] | undefined;
  /** How far a logit may be from the program's without noise (`predicted.error` of the manifest). Default: unknown. */
  readonly error?: number | undefined;
}

/** What an answer keeps for the key's owner. */
export interface RevealedAnswer {
  /** [outputs], with the noise of their ciphertexts. */
  readonly logits: Float64Array;
  /** [outputs], softmax of the logits. */
  readonly scores: Float64Array;
}

/**
 * The decrypted answer to one example. Label and range are plain; logits and scores carry the noise of their ciphertexts,
 * from which together with these the key follows (Li and Micciancio, EUROCRYPT 2021), so they do not serialise or print.
 */
export class PrivateAnswer {
  /** The class of the largest logit, or the number of its output; undefined where the input left the range. */
  readonly label: string | undefined;
  /** False where the input left the range that the model is made for: then the logits are no answer, however they look. */
  readonly inRange: boolean;
  /** Why it is not in range. */
  readonly reason: string | undefined;
  readonly #logits: Float64Array;
  readonly #error: number | undefined;

  constructor({ logits, reason, classes, error }: AnswerSource) {
    this.#logits = logits;
    this.#error = error;
    this.reason = reason;
    this.inRange = reason === undefined;
    const best = logits.reduce((most, value, k) => (value > logits[most]! ? k : most), 0);
    this.label = this.inRange ? (classes?.[best] ?? `${best}`) : undefined;
  }

  /** Logits and scores, for the key's owner alone. Of an input out of range as well, where they mean nothing. */
  reveal(): RevealedAnswer {
    const logits = this.#logits.slice();
    // Not Math.max(...logits): a vocabulary is more arguments than a call takes.
    const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const powers = logits.map((value) => Math.exp(value - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return { logits, scores: powers.map((power) => power / sum) };
  }

  /**
   * The label for others, where it tells nothing of the noise: where the two largest logits differ by more than twice the
   * error bound, the program without noise gives this label too. No noise flooding: it would drown the logits
   * (docs/ckks.md).
   * @throws ShareError elsewhere; that it does may depend on the noise, so it is for the owner alone
   */
  share(): { readonly label: string } {
    if (this.label === undefined)
      throw new ShareError(`the input left the range the model is made for, so there is no label (${this.reason})`);
    if (this.#error === undefined)
      throw new ShareError('the program has no error bound to hold the label against: compile it again');
    const [first, second = Number.NEGATIVE_INFINITY] = [...this.#logits].sort((a, b) => b - a);
    if (!(first! - second > 2 * this.#error))
      throw new ShareError(
        `the two best labels are within twice the error bound of ${this.#error.toPrecision(2)}, so which one is first may come from the key's noise`,
      );
    return { label: this.label };
  }

  toJSON(): never {
    throw new SecrecyError(
      'a decrypted answer cannot become JSON, its logits tell of the secret key: take label and inRange, or reveal() for its owner',
    );
  }

  toString(): string {
    return privateNotice;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return privateNotice;
  }
}

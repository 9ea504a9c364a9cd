import { SecrecyError } from '@cipherformer/ckks';
import { type AnswerKind, answerKindOf } from '@cipherformer/model';
import { ShareError } from '../errors.ts';
import type { ProgramManifest } from '../protocol/manifest-schema.ts';

const privateNotice = '[private answer: label, inRange and reason; reveal() gives its owner the rest]';

/** How the answers of a program are read. */
export interface AnswerForm {
  /** What the outputs are. Default: they choose one class. */
  readonly kind?: AnswerKind | undefined;
  /** Rows of the logits: tokens of a text, where each has a class. Default 1. */
  readonly rows?: number | undefined;
  /** Names of the classes. Default: the numbers of the outputs. */
  readonly classes?: readonly string[] | undefined;
  /** How far a logit may be from the program's without noise (`predicted.error` of the manifest). Default: unknown. */
  readonly error?: number | undefined;
}

/** How the answers of a program are read, by its manifest. */
export const answerFormOf = ({ model, predicted }: Pick<ProgramManifest, 'model' | 'predicted'>): AnswerForm => ({
  kind: answerKindOf(model.task, model.problem),
  rows: model.task === 'token-classification' ? model.tokens : 1,
  classes: model.classes,
  error: predicted.error,
});

export interface AnswerSource extends AnswerForm {
  /** [outputs], or [rows, outputs] row by row. */
  readonly logits: Float64Array;
  /** Why the input left the range that the model is made for, where it did. */
  readonly reason?: string | undefined;
}

/** What an answer keeps for the key's owner. */
export interface RevealedAnswer {
  /** [outputs], with the noise of their ciphertexts. */
  readonly logits: Float64Array;
  /** [outputs], softmax of the logits, row by row where each token has a class; of labels each a sigmoid; of numbers they themselves. */
  readonly scores: Float64Array;
}

/**
 * The decrypted answer to one example. Label and range are plain; logits and scores carry the noise of their ciphertexts,
 * from which together with these the key follows (Li and Micciancio, EUROCRYPT 2021), so they do not serialise or print.
 */
export class PrivateAnswer {
  /**
   * The class of the largest logit, or the number of its output; undefined where the input left the range, and where the outputs
   * do not choose one class.
   */
  readonly label: string | undefined;
  /**
   * The label alone; where each token has a class, that of every one, padding too; where several may hold, those that do. None of
   * numbers, which are for the key's owner, and of an input out of range.
   */
  readonly labels: readonly string[];
  /** False where the input left the range that the model is made for: then the logits are no answer, however they look. */
  readonly inRange: boolean;
  /** Why it is not in range. */
  readonly reason: string | undefined;
  readonly #logits: Float64Array;
  readonly #kind: AnswerKind;
  /** Rows of the logits. */
  readonly rows: number;
  readonly #error: number | undefined;

  constructor({ logits, reason, kind = 'class', rows = 1, classes, error }: AnswerSource) {
    this.#logits = logits;
    this.#kind = kind;
    this.rows = rows;
    this.#error = error;
    this.reason = reason;
    this.inRange = reason === undefined;
    this.labels = this.inRange ? this.#chosen().map((k) => classes?.[k] ?? `${k}`) : [];
    this.label = kind === 'labels' || kind === 'token-classes' ? undefined : this.labels[0];
  }

  /** Numbers of the outputs that the answer names. */
  #chosen(): number[] {
    if (this.#kind === 'numbers') return [];
    if (this.#kind === 'labels') return Array.from(this.#logits.keys()).filter((k) => this.#logits[k]! > 0);
    return this.#byRow().map((row) => row.reduce((most, value, k) => (value > row[most]! ? k : most), 0));
  }

  #byRow(): Float64Array[] {
    const outputs = this.#logits.length / this.rows;
    return Array.from({ length: this.rows }, (_, row) => this.#logits.subarray(row * outputs, (row + 1) * outputs));
  }

  /** Logits and scores, for the key's owner alone. Of an input out of range as well, where they mean nothing. */
  reveal(): RevealedAnswer {
    const logits = this.#logits.slice();
    if (this.#kind === 'numbers') return { logits, scores: logits.slice() };
    if (this.#kind === 'labels') return { logits, scores: logits.map((value) => 1 / (1 + Math.exp(-value))) };
    return { logits, scores: Float64Array.from(this.#byRow().flatMap((row) => [...softmax(row)])) };
  }

  /**
   * The label for others, where it tells nothing of the noise: where the two largest logits differ by more than twice the
   * error bound, the program without noise gives this label too. No noise flooding: it would drown the logits
   * (docs/ckks.md).
   * @throws ShareError elsewhere; that it does may depend on the noise, so it is for the owner alone
   */
  share(): { readonly label: string } {
    if (!this.inRange)
      throw new ShareError(`the input left the range the model is made for, so there is no label (${this.reason})`);
    if (this.label === undefined)
      throw new ShareError('only the label of a model that chooses one class can be shared: keep this answer');
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

function softmax(row: Float64Array): Float64Array {
  // Not Math.max(...row): a vocabulary is more arguments than a call takes.
  const largest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = row.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

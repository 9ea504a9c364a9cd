import { type PrivateAnswer, ShareError } from '@cipherformer/runtime/client';

// The one form in which answers are told, by the library and, as JSON, by the verbs: `{ results: [...] }`, one an input.

/** A class, or the number of an output where classes have no names. */
export interface Label {
  readonly label: string;
  /** Softmax of the logits, 0 to 1. */
  readonly score?: number;
}

/** What a model saw of one input, and what it says of it. */
export interface Result {
  /** Token numbers as the model took them, marks included, without padding: of texts. */
  readonly ids?: readonly number[];
  /** What the model took, normalised: of images. */
  readonly pixels?: {
    /** [channels, height, width] */
    readonly shape: readonly number[];
    /** float32, little-endian, row by row. */
    readonly base64?: string;
  };
  /** False where a value left the interval of a polynomial: then the logits are no answer. Of polynomial models. */
  readonly inRange?: boolean;
  /** Why it is not in range. */
  readonly reason?: string;
  /** The most likely first. Of an input out of range they mean nothing, and a decrypted answer has none unless it is revealed. */
  readonly labels?: readonly Label[];
  /** [outputs] */
  readonly logits?: readonly number[];
  /** [features], of models that place texts or images in a space. */
  readonly embedding?: readonly number[];
}

/** Results in the order of the inputs. */
export interface Results {
  readonly results: readonly Result[];
}

/** What of an answer its owner sees. */
export interface RevealOptions {
  /** Most labels. Default: all. */
  readonly top?: number;
}

/**
 * The decrypted answer to one input. Whether it is one, and its label, are plain, print and become JSON; scores and logits
 * carry the noise of their ciphertexts, which tells of the secret key, so they are behind `reveal()`.
 */
export class Answer implements Result {
  /** False where the input left the range that the model is made for: then there is no label. */
  readonly inRange: boolean;
  /** The label, alone; none of an input out of range. */
  readonly labels: readonly Label[];
  readonly reason?: string;
  readonly #answer: PrivateAnswer;
  readonly #classes: readonly string[] | undefined;
  readonly #isEmbedding: boolean;

  /**
   * @param classes names of the outputs, where they have names
   * @param isEmbedding outputs are no classes, but a place in a space
   */
  constructor(answer: PrivateAnswer, classes: readonly string[] | undefined, isEmbedding = false) {
    this.#answer = answer;
    this.#classes = classes;
    this.#isEmbedding = isEmbedding;
    const { inRange, label, reason } = answer;
    this.inRange = inRange;
    this.labels = label === undefined || isEmbedding ? [] : [{ label }];
    if (reason !== undefined) this.reason = reason;
  }

  /** The first of the labels; undefined where the input left the range, and of an embedding. */
  get label(): string | undefined {
    return this.labels[0]?.label;
  }

  /**
   * The same with scores and logits, or with the embedding, of length 1, for the key's owner alone. Of an input out of range as well,
   * where they mean nothing.
   */
  reveal({ top }: RevealOptions = {}): Result {
    const { logits, scores } = this.#answer.reveal();
    if (this.#isEmbedding) return { inRange: this.inRange, ...reasonOf(this), embedding: unitLength(logits) };
    const labels = rankLabels(scores, this.#classes, top);
    return { inRange: this.inRange, ...reasonOf(this), labels, logits: [...logits] };
  }

  /**
   * The label for others, where it tells nothing of the noise.
   * @throws ShareError elsewhere; that it does may depend on the noise, so it is for the owner alone
   */
  share(): Label {
    if (this.#isEmbedding)
      throw new ShareError('an embedding has no label, and its numbers tell of the key: keep them');
    return this.#answer.share();
  }
}

/** The decrypted answers to one question, in the order of its inputs: `const [answer] = await service.ask(input)`. */
export class Answers implements Results, Iterable<Answer> {
  readonly results: readonly Answer[];

  constructor(results: readonly Answer[]) {
    this.results = results;
  }

  /** All of them with scores and logits, for the key's owner alone. */
  reveal(options: RevealOptions = {}): Results {
    return { results: this.results.map((answer) => answer.reveal(options)) };
  }

  [Symbol.iterator](): IterableIterator<Answer> {
    return this.results[Symbol.iterator]();
  }
}

/** Labels with their scores, the most likely first, at most `top` of them. */
export function rankLabels(
  scores: ArrayLike<number>,
  classes: readonly string[] | undefined,
  top = scores.length,
): (Label & { readonly score: number })[] {
  const best = Array.from(scores, (_, k) => k).sort((a, b) => scores[b]! - scores[a]!);
  return best.slice(0, top).map((k) => ({ label: classes?.[k] ?? `${k}`, score: scores[k]! }));
}

/** Numbers in the same proportion, of length 1, as embeddings are compared; zeros stay. */
export function unitLength(values: ArrayLike<number>): number[] {
  const length = Math.hypot(...Array.from(values)) || 1;
  return Array.from(values, (value) => value / length);
}

const reasonOf = ({ reason }: Answer) => (reason === undefined ? {} : { reason });

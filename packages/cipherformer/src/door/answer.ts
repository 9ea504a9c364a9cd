import type { AnswerKind } from '@cipherformer/model';
import { type AnswerForm, type PrivateAnswer, ShareError } from '@cipherformer/runtime/client';

// The one form in which answers are told, by the library and, as JSON, by the verbs: `{ results: [...] }`, one an input.

/** A class, or the number of an output where classes have no names. */
export interface Label {
  readonly label: string;
  /** Softmax of the logits, 0 to 1; of labels of which several may hold each one's sigmoid; of a number that number. */
  readonly score?: number;
  /** The token that it is the class of, where every token has one. */
  readonly token?: string;
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
  /**
   * The most likely first; where every token has a class, that of each in their order; numbers in the order of the outputs. Of an
   * input out of range they mean nothing, and a decrypted answer has scores only where it is revealed.
   */
  readonly labels?: readonly Label[];
  /** [outputs]; of every token row by row. */
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

/** How the answers of a program are read, and what is known of one input. */
export interface AnswerReading extends Pick<AnswerForm, 'kind' | 'classes'> {
  /** The tokens of the text, where each has a class: what follows them is padding. Absent: not known any more. */
  readonly tokens?: readonly string[] | undefined;
}

/**
 * The decrypted answer to one input. Whether it is one, and its label, are plain, print and become JSON; scores and logits
 * carry the noise of their ciphertexts, which tells of the secret key, so they are behind `reveal()`.
 */
export class Answer implements Result {
  /** False where the input left the range that the model is made for: then there is no label. */
  readonly inRange: boolean;
  /** The label, alone; the class of every token; the labels that hold. None of numbers, of an embedding, of an input out of range. */
  readonly labels: readonly Label[];
  readonly reason?: string;
  readonly #answer: PrivateAnswer;
  readonly #reading: AnswerReading;

  constructor(answer: PrivateAnswer, reading: AnswerReading) {
    this.#answer = answer;
    this.#reading = reading;
    const { inRange, labels, reason } = answer;
    this.inRange = inRange;
    this.labels = reading.kind === 'embedding' ? [] : this.#ofTokens(labels.map((label) => ({ label })));
    if (reason !== undefined) this.reason = reason;
  }

  /** The label of a model that chooses one class; undefined of others, and where the input left the range. */
  get label(): string | undefined {
    return this.#reading.kind === 'embedding' ? undefined : this.#answer.label;
  }

  /**
   * The same with scores and logits, or with the embedding, of length 1, for the key's owner alone. Of an input out of range as well,
   * where they mean nothing.
   */
  reveal({ top }: RevealOptions = {}): Result {
    const { kind = 'class', classes } = this.#reading;
    const { logits, scores } = this.#answer.reveal();
    const said = { inRange: this.inRange, ...(this.reason === undefined ? {} : { reason: this.reason }) };
    if (kind === 'embedding') return { ...said, embedding: unitLength(logits) };
    if (kind === 'token-classes') return { ...said, ...this.#revealTokens(logits, scores) };
    return { ...said, labels: readLabels(kind, scores, classes, top), logits: [...logits] };
  }

  #revealTokens(logits: Float64Array, scores: Float64Array): Pick<Result, 'labels' | 'logits'> {
    const { classes, tokens } = this.#reading;
    const { rows } = this.#answer;
    const outputs = logits.length / rows;
    const best = Array.from({ length: rows }, (_, t) => rankLabels(scores.subarray(t * outputs, (t + 1) * outputs), classes, 1)[0]!); // biome-ignore format: short
    return { labels: this.#ofTokens(best), logits: [...logits.subarray(0, (tokens?.length ?? rows) * outputs)] };
  }

  /** Of a text's own tokens, where they are known. */
  #ofTokens(labels: readonly Label[]): readonly Label[] {
    const { kind, tokens } = this.#reading;
    return kind === 'token-classes' && tokens && labels.length > 0 ? withTokens(labels, tokens) : labels;
  }

  /**
   * The label for others, where it tells nothing of the noise.
   * @throws ShareError elsewhere; that it does may depend on the noise, so it is for the owner alone
   */
  share(): Label {
    if (this.#reading.kind === 'embedding')
      throw new ShareError('an embedding has no label, and its numbers tell of the key: keep them');
    return this.#answer.share();
  }
}

/** The decrypted answers to one question, in the order of its inputs: `const [answer] = await service.ask(input)`. */
export class Answers implements Results, Iterable<Answer> {
  readonly results: readonly Answer[];
  readonly #kind: AnswerKind;

  constructor(results: readonly Answer[], kind: AnswerKind = 'class') {
    this.results = results;
    this.#kind = kind;
  }

  /** What the outputs of the model are: one class of several, labels, numbers, ... */
  get kind(): AnswerKind {
    return this.#kind;
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

/** What the scores of one input say: classes and labels the most likely first, numbers in their order. */
export const readLabels = (
  kind: AnswerKind,
  scores: ArrayLike<number>,
  classes: readonly string[] | undefined,
  top?: number,
): (Label & { readonly score: number })[] =>
  kind === 'numbers'
    ? Array.from(scores, (score, k) => ({ label: classes?.[k] ?? `${k}`, score }))
    : rankLabels(scores, classes, top);

/** The classes of tokens beside these, as many as there are. */
export const withTokens = <L extends Label>(labels: readonly L[], tokens: readonly string[]): L[] =>
  tokens.map((token, t) => ({ ...labels[t]!, token }));

/** Numbers in the same proportion, of length 1, as embeddings are compared; zeros stay. */
export function unitLength(values: ArrayLike<number>): number[] {
  const length = Math.hypot(...Array.from(values)) || 1;
  return Array.from(values, (value) => value / length);
}

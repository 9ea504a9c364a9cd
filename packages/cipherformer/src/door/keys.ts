import type { EvaluationKeyPart } from '../thread/key-parts.ts';

// What passes between the two sides: public, so it stands apart from both.

/** The evaluation keys of a program as a server takes them: parts in order, each made when it is asked for. */
export interface EvaluationKeys extends AsyncIterable<EvaluationKeyPart> {
  /** Names the secret key that they belong to, and tells nothing of it. */
  readonly key: string;
}

/** An encrypted input. */
export interface EncryptedRequest {
  /** What a server gets. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes, in hexadecimal: the result says that it answers these. */
  readonly hash: string;
  /** How many inputs it holds. */
  readonly examples: number;
}

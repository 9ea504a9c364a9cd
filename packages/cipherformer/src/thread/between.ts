// What passes between the two sides of a program: public.

/** Some megabytes of evaluation keys, whole for themselves: sent, checked and kept one by one. */
export interface EvaluationKeyPart {
  /** Its number among all parts of the program's keys, from 0. */
  readonly index: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The evaluation keys of a program as a server takes them: parts in order, each made when it is asked for. */
export interface EvaluationKeys extends AsyncIterable<EvaluationKeyPart> {
  /** Names the secret key that they belong to, and tells nothing of it. */
  readonly key: string;
}

/** An encrypted input. */
export interface EncryptedRequest {
  /** What a server gets. Kept, they are also what `decrypt` takes: another day, in another process. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes, in hexadecimal: the result says that it answers these. */
  readonly hash: string;
  /** How many inputs it holds. */
  readonly examples: number;
}

import { toHex } from '@cipherformer/base';
import { StreamingSha256, type WireObject } from '@cipherformer/ckks';
import { FileError } from '../errors.ts';
import { EnvelopeReader, type SentTokens } from './envelope.ts';
import type { ProgramManifest } from './manifest.ts';

// A request is the file of an encrypted input. Client and server each hash its bytes, so a result says which one it answers.

/** What a client has to know of a request to read its result. */
export interface RequestDescription {
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly hash: string;
  /** How many of the program's batch are examples; padding fills the rest, and nobody reads its answers. */
  readonly examples: number;
  /** Of a program that generates. */
  readonly tokens?: SentTokens;
}

/** Passes bytes on and hashes them on the way. */
export class HashedSource implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly #source: AsyncIterable<Uint8Array>;
  #hash: string | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  /** SHA-256 of all bytes, in hexadecimal; undefined until they were read to the end. */
  get hash(): string | undefined {
    return this.#hash;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const hash = new StreamingSha256();
    for await (const chunk of this.#source) {
      hash.update(chunk);
      yield chunk as Uint8Array<ArrayBuffer>;
    }
    this.#hash = toHex(hash.digest());
  }
}

/** An encrypted input as it goes to the server. */
export class RequestFile extends HashedSource implements WireObject {
  readonly kind: WireObject['kind'];
  readonly bytes: number;
  readonly #described: Omit<RequestDescription, 'hash'>;

  constructor(file: WireObject, described: Omit<RequestDescription, 'hash'>) {
    super(file);
    this.kind = file.kind;
    this.bytes = file.bytes;
    this.#described = described;
  }

  /** What its result is checked against. @throws FileError before the file was written to its end */
  get request(): RequestDescription {
    const { hash } = this;
    if (hash === undefined) throw new FileError('the encrypted input has no hash before it is written: write it first');
    return { hash, ...this.#described };
  }
}

/**
 * Describes the request in a file, for who checks its result. Cost: a hash over its bytes.
 * @throws MismatchError for one of another program or key, FileError for a file that is none
 */
export async function readRequest(
  manifest: ProgramManifest,
  key: string,
  source: AsyncIterable<Uint8Array>,
  where: string,
): Promise<RequestDescription> {
  const file = new HashedSource(source);
  const reader = new EnvelopeReader(file, where);
  try {
    const { examples, lengths, tokens } = await reader.header({ kind: 'inputs', program: manifest.digest, key });
    const { batch } = manifest;
    if (examples > batch)
      throw new FileError(`${where} holds ${examples} examples, the program computes ${batch} at once: encrypt again`);
    for (const length of lengths) for await (const _ of reader.object(length));
    await reader.end();
    return { hash: file.hash!, examples, ...(tokens ? { tokens } : {}) };
  } finally {
    await reader.close();
  }
}

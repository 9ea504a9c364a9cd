import { checksumBytes, sha256, startsLikeSecretKey, type WireObject } from '@cipherformer/ckks';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import * as z from 'zod/mini';
import { FileError, MismatchError } from '../errors.ts';

// Like the wire objects inside: a byte above 127 and both line endings, so that a transfer as text is noticed at once.
const magic = Uint8Array.of(0x89, 0x43, 0x46, 0x45, 0x0d, 0x0a, 0x1a, 0x0a);
const maxHeaderBytes = 2 ** 20;

const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const binding = {
  /** Digest of the program, in hexadecimal. */
  program: digest,
  /** Names the secret key that it belongs to. */
  key: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  /** Bytes of the objects that follow. */
  lengths: z.array(z.int().check(z.minimum(0))).check(
    z.maxLength(4096),
    z.refine((all) => Number.isSafeInteger(all.reduce((sum, bytes) => sum + bytes, 0)), 'more bytes than a file has'),
  ),
};
const schema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('inputs'),
    ...binding,
    /** How many of the program's batch are the client's; padding fills the rest. */
    examples: z.int().check(z.minimum(1), z.maximum(2 ** 16)),
    /** Of a program that generates: which tokens these are. */
    tokens: z.optional(
      z.discriminatedUnion('kind', [
        /** The first ones, so many; whoever answers keeps what the next one needs. */
        z.strictObject({ kind: z.literal('prompt'), count: z.int().check(z.minimum(1)) }),
        /** One at this position, after what was kept for the prompt whose request has this hash. */
        z.strictObject({ kind: z.literal('next'), prompt: digest, position: z.int().check(z.minimum(1)) }),
      ]),
    ),
  }),
  z.strictObject({
    kind: z.literal('outputs'),
    ...binding,
    /** SHA-256 of the encrypted input that it answers, all its bytes, in hexadecimal. */
    request: digest,
  }),
]);

/** What stands before the wire objects of a file: which program, secret key and request they belong to. */
export type EnvelopeHeader = z.infer<typeof schema>;
/** Which tokens a request of a program that generates brings. */
export type SentTokens = NonNullable<Extract<EnvelopeHeader, { kind: 'inputs' }>['tokens']>;
export type EnvelopeKind = EnvelopeHeader['kind'];
export type HeaderOf<Kind extends EnvelopeKind> = Extract<EnvelopeHeader, { kind: Kind }>;
type Sealed<Header> = Header extends EnvelopeHeader ? Omit<Header, 'lengths'> : never;

const kindTitles: Readonly<Record<EnvelopeKind, string>> = {
  inputs: 'an encrypted input',
  outputs: 'an encrypted result',
};

/** Several wire objects behind one header, as one object for `writeWireFile`. */
export async function sealEnvelope(
  header: Sealed<EnvelopeHeader>,
  objects: readonly WireObject[],
): Promise<WireObject> {
  const json = new TextEncoder().encode(JSON.stringify({ ...header, lengths: objects.map(({ bytes }) => bytes) }));
  const start = new Uint8Array(magic.length + 4 + json.length + checksumBytes);
  start.set(magic);
  new DataView(start.buffer).setUint32(magic.length, json.length, true);
  start.set(json, magic.length + 4);
  start.set(await sha256(start.subarray(0, -checksumBytes)), start.length - checksumBytes);
  return {
    kind: objects[0]?.kind ?? 'ciphertext',
    bytes: start.length + objects.reduce((sum, { bytes }) => sum + bytes, 0),
    async *[Symbol.asyncIterator]() {
      yield start;
      for (const object of objects) yield* object;
    },
  };
}

/** Reads an envelope's header, then each of its objects from its own source. */
export class EnvelopeReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #where: string;
  #chunk = new Uint8Array(0);

  /** @param where the file, for messages */
  constructor(source: AsyncIterable<Uint8Array>, where: string) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#where = where;
  }

  /**
   * @throws FileError for anything but an undamaged envelope of this kind, MismatchError where it is not for this program
   * and, if given, this key
   */
  async header<Kind extends EnvelopeKind>(expected: {
    kind: Kind;
    program: string;
    key?: string;
  }): Promise<HeaderOf<Kind>> {
    const header = await this.#readHeader();
    if (!isKind(header, expected.kind))
      throw new FileError(
        `${this.#where} is ${kindTitles[header.kind]}, expected ${kindTitles[expected.kind]}: give the other file`,
      );
    const { program, key } = header;
    if (program !== expected.program)
      throw new MismatchError(
        `${this.#where} was made for program ${program.slice(0, 12)}, this is ${expected.program.slice(0, 12)}: make it again with this program`,
      );
    if (expected.key !== undefined && key !== expected.key)
      throw new MismatchError(
        `${this.#where} belongs to the secret key ${key.slice(0, 12)}, not to ${expected.key.slice(0, 12)}: use keys, inputs and results of one keygen`,
      );
    return header;
  }

  async #readHeader(): Promise<EnvelopeHeader> {
    const fixed = await this.#take(magic.length + 4, 'its header');
    if (startsLikeSecretKey(fixed))
      throw new FileError(`${this.#where} is a secret key, which never belongs here: keep this file to yourself`);
    if (magic.some((byte, i) => byte !== fixed[i]))
      throw new FileError(
        `${this.#where} is not an encrypted input or result: give what encrypt or run wrote, transferred as binary`,
      );
    const length = new DataView(fixed.buffer).getUint32(magic.length, true);
    if (length > maxHeaderBytes)
      throw new FileError(`${this.#where} claims a header of ${length} bytes: it is damaged`);
    const json = await this.#take(length, 'its header');
    const checksum = await this.#take(checksumBytes, 'its header');
    const sealed = new Uint8Array(fixed.length + length);
    sealed.set(fixed);
    sealed.set(json, fixed.length);
    const expected = await sha256(sealed);
    if (checksum.some((byte, i) => byte !== expected[i]))
      throw new FileError(`the header of ${this.#where} is damaged (wrong checksum): copy or make it again`);
    const refuse = (what: string) =>
      new FileError(`the header of ${this.#where} ${what}; it is damaged or of another release: make it again`);
    return parseForeignJson(json, { schema, maxBytes: maxHeaderBytes, refuse });
  }

  /** The next `length` bytes, as a source. Take them all before the next object. */
  async *object(length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    while (left > 0) {
      const chunk = await this.#next(left);
      // The reader of the object says what of it is missing.
      if (!chunk) return;
      left -= chunk.length;
      yield chunk;
    }
  }

  /** @throws FileError when there is more */
  async end(): Promise<void> {
    if (await this.#next(1))
      throw new FileError(`${this.#where} goes on after its end: it is damaged, copy or make it again`);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #take(length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const chunk = await this.#next(length - at);
      if (!chunk)
        throw new FileError(`${this.#where} ends in the middle of ${what}: it is cut short, copy or make it again`);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** At most `most` bytes; none at the end. */
  async #next(most: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#chunk = value as Uint8Array<ArrayBuffer>;
    }
    const run = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(run.length);
    return run;
  }
}

function isKind<Kind extends EnvelopeKind>(header: EnvelopeHeader, kind: Kind): header is HeaderOf<Kind> {
  return header.kind === kind;
}

import { type WireObject, wireKinds } from '@cipherformer/ckks';
import { z } from 'zod';
import { FileError } from '../errors.ts';
import { parseForeignJson } from './foreign-json.ts';

// Like the wire objects inside: a byte above 127 and both line endings, so that a transfer as text is noticed at once.
const magic = Uint8Array.of(0x89, 0x43, 0x46, 0x45, 0x0d, 0x0a, 0x1a, 0x0a);
/** How the wire format of a secret key starts: magic, any version, kind 2. Nothing more of it is ever read. */
const secretKeyStart = [0x89, 0x43, 0x46, 0x57, 0x0d, 0x0a, 0x1a, 0x0a, undefined, undefined, wireKinds.secretKey, 0];
const checksumBytes = 32;
const maxHeaderBytes = 2 ** 20;

const schema = z.strictObject({
  kind: z.enum(['evaluationKeys', 'inputs', 'outputs']),
  /** Digest of the program, in hexadecimal. */
  program: z.string().regex(/^[0-9a-f]{64}$/),
  /** Names the secret key that it belongs to. */
  key: z.string().regex(/^[0-9a-f]{32}$/),
  /** Bytes of the objects that follow. */
  lengths: z
    .array(z.int().min(0))
    .max(4096)
    .refine((all) => Number.isSafeInteger(all.reduce((sum, bytes) => sum + bytes, 0)), 'more bytes than a file has'),
});

/** What stands before the wire objects of a file: which program and which secret key they belong to. */
export type EnvelopeHeader = z.infer<typeof schema>;

const kindTitles: Readonly<Record<EnvelopeHeader['kind'], string>> = {
  evaluationKeys: 'a file of evaluation keys',
  inputs: 'an encrypted input',
  outputs: 'an encrypted result',
};

/** Several wire objects behind one header, as one object for `writeWireFile`. */
export async function sealEnvelope(
  header: Omit<EnvelopeHeader, 'lengths'>,
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
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #where: string;
  #piece = new Uint8Array(0);

  /** @param where the file, for messages */
  constructor(source: AsyncIterable<Uint8Array>, where: string) {
    this.#pieces = source[Symbol.asyncIterator]();
    this.#where = where;
  }

  /**
   * Throws FileError for anything but an undamaged envelope of this kind for this program and, if given, this key.
   */
  async header(expected: { kind: EnvelopeHeader['kind']; program: string; key?: string }): Promise<EnvelopeHeader> {
    const header = await this.#readHeader();
    const { kind, program, key } = header;
    if (kind !== expected.kind)
      throw new FileError(
        `${this.#where} is ${kindTitles[kind]}, expected ${kindTitles[expected.kind]}: give the other file`,
      );
    if (program !== expected.program)
      throw new FileError(
        `${this.#where} was made for program ${program.slice(0, 12)}, this is ${expected.program.slice(0, 12)}: make it again with this program`,
      );
    if (expected.key !== undefined && key !== expected.key)
      throw new FileError(
        `${this.#where} belongs to the secret key ${key.slice(0, 12)}, not to ${expected.key.slice(0, 12)}: use keys, inputs and results of one keygen`,
      );
    return header;
  }

  async #readHeader(): Promise<EnvelopeHeader> {
    const fixed = await this.#take(magic.length + 4, 'its header');
    if (secretKeyStart.every((byte, i) => byte === fixed[i] || byte === undefined))
      throw new FileError(
        `${this.#where} is a secret key, which never belongs here: give the evaluation keys that keygen wrote beside it, and keep this file to yourself`,
      );
    if (magic.some((byte, i) => byte !== fixed[i]))
      throw new FileError(
        `${this.#where} is not a file of keys, inputs or results: give what keygen, encrypt or run wrote, transferred as binary`,
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
      const piece = await this.#next(left);
      // The reader of the object says what of it is missing.
      if (!piece) return;
      left -= piece.length;
      yield piece;
    }
  }

  /** Throws FileError when there is more. */
  async end(): Promise<void> {
    if (await this.#next(1))
      throw new FileError(`${this.#where} goes on after its end: it is damaged, copy or make it again`);
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #take(length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const piece = await this.#next(length - at);
      if (!piece)
        throw new FileError(`${this.#where} ends in the middle of ${what}: it is cut short, copy or make it again`);
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** At most `most` bytes; none at the end. */
  async #next(most: number): Promise<Uint8Array | undefined> {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) return undefined;
      this.#piece = value as Uint8Array<ArrayBuffer>;
    }
    const run = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(run.length);
    return run;
  }
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

import { CipherformerError, joinBytes } from '@cipherformer/base';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import type { VerdictCounts } from '@cipherformer/runtime/client';
import * as z from 'zod/mini';
import { token } from '../protocol.ts';
import { PassphraseError } from './failure.ts';
import { decrypt, encrypt, ivBytes, maxPbkdf2Iterations, passphraseKey, pbkdf2Iterations, randomBytes, saltBytes } from './sealing.ts'; // biome-ignore format: one line

// A secret key as its owner takes it along, to another browser or as a copy: a file that a passphrase opens. Its counts of
// verdicts come with it, so that a copy is not as good as new, and the service's token, so that its evaluation keys stay of use.

type Bytes = Uint8Array<ArrayBuffer>;

/** A byte above 127 and both line endings, as in all files of ours: a transfer as text is noticed. */
const magic = Uint8Array.of(0x89, 0x43, 0x46, 0x58, 0x0d, 0x0a, 0x1a, 0x0a);
const version = 1;
const headBytes = magic.length + 1 + 4 + saltBytes + ivBytes;
const masterBytes = 32;
/** Of AES-GCM. */
const tagBytes = 16;
/** A few hundred bytes for each program of its own parameters. */
const maxFileBytes = 2 ** 20;
/** Shortest passphrase: what it seals leaves the browser. */
export const minPassphrase = 12;

/** What an export holds. */
export interface SecretExport {
  readonly master: Bytes;
  /** The service that the key is for. */
  readonly service: string;
  readonly token?: string | undefined;
  /** By the name of the secret key: one for each set of parameters. */
  readonly verdicts: readonly (readonly [key: string, counts: VerdictCounts])[];
}

/** A file that is no export, or was damaged. */
export class ExportError extends CipherformerError {
  override readonly name = 'ExportError';
  override readonly code = 'bad-file';
}

const count = z.int().check(z.minimum(0), z.maximum(2 ** 40));
const factsSchema = z.strictObject({
  service: z.string().check(z.maxLength(2000)),
  token: z.optional(token),
  verdicts: z
    .array(
      z.tuple([
        z.string().check(z.regex(/^[0-9a-f]{32}$/)),
        z.strictObject({ dishonest: count, outOfRange: count, allowed: count }),
      ]),
    )
    .check(z.maxLength(1000)),
});

/** Seals an export. @throws PassphraseError for a passphrase of fewer than 12 characters */
export async function writeSecretExport({ master, ...facts }: SecretExport, passphrase: string): Promise<Bytes> {
  if (passphrase.length < minPassphrase)
    throw new PassphraseError(
      'passphrase-needed',
      `an export needs a passphrase of at least ${minPassphrase} characters`,
    );
  const head = new Uint8Array(headBytes);
  head.set(magic);
  const view = new DataView(head.buffer);
  view.setUint8(magic.length, version);
  view.setUint32(magic.length + 1, pbkdf2Iterations, true);
  head.set(randomBytes(saltBytes + ivBytes), magic.length + 5);
  const { salt, iv } = partsOf(head);
  const plain = joinBytes([master, new TextEncoder().encode(JSON.stringify(facts))]);
  try {
    return joinBytes([head, await encrypt(await passphraseKey(passphrase, salt, pbkdf2Iterations), iv, head, plain)]);
  } finally {
    plain.fill(0);
  }
}

/** Opens an export. @throws ExportError for what is none, PassphraseError for another passphrase (or a damaged file) */
export async function readSecretExport(file: Bytes, passphrase: string): Promise<SecretExport> {
  if (!magic.every((byte, i) => file[i] === byte)) throw new ExportError('the file is no exported secret key');
  if (file.length < headBytes + masterBytes + tagBytes || file.length > maxFileBytes)
    throw new ExportError(`the exported secret key has ${file.length} bytes: it was cut short, or is something else`);
  const head = file.slice(0, headBytes);
  const { salt, iv, iterations } = partsOf(head);
  if (head[magic.length] !== version) throw new ExportError('the exported secret key is of a later release');
  if (iterations < 1 || iterations > maxPbkdf2Iterations)
    throw new ExportError('the exported secret key is damaged: its number of iterations is not one that is written');
  const key = await passphraseKey(passphrase, salt, iterations);
  const plain = await decrypt(key, iv, head, file.slice(headBytes)).catch(() => {
    throw new PassphraseError('wrong-passphrase', 'the passphrase does not open this file, or the file was damaged');
  });
  try {
    const refuse = (what: string) => new ExportError(`what stands in the exported secret key ${what}`);
    const facts = parseForeignJson(plain.subarray(masterBytes), {
      schema: factsSchema,
      maxBytes: maxFileBytes,
      refuse,
    });
    return { master: plain.slice(0, masterBytes), ...facts };
  } finally {
    plain.fill(0);
  }
}

function partsOf(head: Bytes) {
  const at = magic.length + 5;
  return {
    iterations: new DataView(head.buffer).getUint32(magic.length + 1, true),
    salt: head.slice(at, at + saltBytes),
    iv: head.slice(at + saltBytes, at + saltBytes + ivBytes),
  };
}

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { WireError } from '../errors/index.ts';
import { erasableBytes, erasableCopy } from '../scheme/index.ts';
import { checksumBytes, sameBytes, sha256 } from './checksum.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import type { SourceReader } from './source.ts';

/** What an object is. Numbers are part of the format: never reuse one (5 and 6 were sets of keys). */
export const wireKinds = {
  parameters: 1,
  secretKey: 2,
  publicKey: 3,
  switchingKey: 4,
  plaintext: 7,
  ciphertext: 8,
} as const;
export type WireKind = keyof typeof wireKinds;

/** The versions of each kind that this release reads; it writes the last, but for secret keys, which keep theirs. */
export const wireVersions: Readonly<Record<WireKind, readonly number[]>> = {
  parameters: [1],
  secretKey: [1, 2],
  publicKey: [1],
  switchingKey: [2],
  plaintext: [1],
  ciphertext: [1],
};

export function newestVersion(kind: WireKind): number {
  return wireVersions[kind].at(-1)!;
}

const kindNames = new Map<number, WireKind>(
  Object.entries(wireKinds).map(([name, code]) => [code, name as WireKind] as const),
);
const kindTitles: Readonly<Record<WireKind, string>> = {
  parameters: 'parameters',
  secretKey: 'a secret key',
  publicKey: 'a public key',
  switchingKey: 'a switching key',
  plaintext: 'a plaintext',
  ciphertext: 'a ciphertext',
};

export function titleOf(kind: WireKind): string {
  return kindTitles[kind];
}

// Like PNG's: a byte above 127 and both line endings, so that a transfer that treats it as text is noticed at once.
const magic = Uint8Array.of(0x89, 0x43, 0x46, 0x57, 0x0d, 0x0a, 0x1a, 0x0a);
const fixedBytes = 56;
/** The longest description of a switching key: level, gadget (a digit for each of 128 limbs at worst), galois, seeds. */
const maxKeyDescription = 8 + 128 + 128 * 32;

/** Most bytes of the kind's description: what is read before anything is checked. */
function maxDescription(kind: WireKind): number {
  return kind === 'switchingKey' ? maxKeyDescription : 512;
}

/** The start of every object. */
export interface WireHeader {
  readonly kind: WireKind;
  readonly version: number;
  /** The parameters it belongs to: Parameters.digest, 64 hexadecimal digits. */
  readonly digest: string;
  /** Bytes of packed residues that follow, without frames. */
  readonly bodyBytes: number;
  /** The fields of the kind. */
  readonly description: Uint8Array<ArrayBuffer>;
}

export function headerBytes(description: Uint8Array): number {
  return fixedBytes + description.length + checksumBytes;
}

/** The header with its checksum. Of a secret key it holds the secret: whoever takes it erases it. */
export async function writeHeader(header: WireHeader): Promise<Uint8Array<ArrayBuffer>> {
  const fields = new FieldWriter()
    .bytes(magic)
    .u16(header.version)
    .u16(wireKinds[header.kind])
    .u32(header.description.length)
    .u32(header.bodyBytes % 2 ** 32)
    .u32(Math.floor(header.bodyBytes / 2 ** 32))
    .bytes(hexToBytes(header.digest))
    .bytes(header.description)
    .finish();
  const sealed = erasableBytes(fields.length + checksumBytes);
  sealed.set(fields);
  fields.fill(0);
  sealed.set(await sha256(sealed.subarray(0, -checksumBytes)), sealed.length - checksumBytes);
  return sealed;
}

/** Reads a header of any kind and checks its magic, version, bounds and checksum. Also returns the checksum. */
export async function readHeader(from: SourceReader): Promise<{ header: WireHeader; checksum: Uint8Array }> {
  const fixed = new Uint8Array(fixedBytes);
  // The magic first: a source that is not ours need not be as long as a header.
  await from.fill(() => fixed.subarray(0, magic.length), 'the first bytes');
  if (!sameBytes(fixed.subarray(0, magic.length), magic)) {
    throw new WireError(
      `this is not a Cipherformer object: it starts with ${bytesToHex(fixed.subarray(0, magic.length))}, not with ${bytesToHex(magic)}; ` +
        'give the file that cipherformer wrote, transferred as binary',
    );
  }
  await from.fill(() => fixed.subarray(magic.length), 'the header');
  const fields = new FieldReader(fixed.subarray(magic.length), 'the header');
  const version = fields.u16();
  const code = fields.u16();
  const kind = kindNames.get(code);
  if (kind === undefined)
    throw new WireError(
      `there is no kind of object with number ${code} (version ${version}): the header is damaged, or of another release`,
    );
  const known = wireVersions[kind];
  if (!known.includes(version)) {
    throw new WireError(
      `${titleOf(kind)} here has format version ${version}, this release reads ${known.join(' and ')}: ` +
        (version > known.at(-1)! ? 'update cipherformer' : 'make it again with this release'),
    );
  }
  const length = fields.u32();
  if (length > maxDescription(kind)) {
    throw new WireError(
      `the header claims ${length} bytes of description, ${titleOf(kind)} has at most ${maxDescription(kind)}: it is damaged`,
    );
  }
  const low = fields.u32();
  const bodyBytes = fields.u32() * 2 ** 32 + low;
  const digest = bytesToHex(fields.bytes(32));

  const sealed = erasableBytes(fixedBytes + length + checksumBytes);
  try {
    sealed.set(fixed);
    await from.fill(() => sealed.subarray(fixedBytes), `the header of ${titleOf(kind)}`);
    const checksum = sealed.slice(fixedBytes + length);
    const expected = await sha256(sealed.subarray(0, fixedBytes + length));
    if (!sameBytes(checksum, expected))
      throw new WireError(`the header of ${titleOf(kind)} is damaged (wrong checksum): read or transfer it again`);
    const description = erasableCopy(sealed.subarray(fixedBytes, fixedBytes + length));
    return { header: { kind, version, digest, bodyBytes, description }, checksum };
  } finally {
    sealed.fill(0);
  }
}

/** Reads the header of the expected kind, for the expected parameters unless `digest` is undefined. */
export async function expectHeader(
  from: SourceReader,
  kind: WireKind,
  digest: string | undefined,
): Promise<{ header: WireHeader; checksum: Uint8Array }> {
  const read = await readHeader(from);
  const { header } = read;
  const wrong = wrongHeader(header, kind, digest);
  if (wrong === undefined) return read;
  header.description.fill(0);
  throw new WireError(wrong);
}

function wrongHeader(header: WireHeader, kind: WireKind, digest: string | undefined): string | undefined {
  if (header.kind !== kind)
    return `expected ${titleOf(kind)}, but this is ${titleOf(header.kind)}: give the other file`;
  if (digest === undefined || header.digest === digest) return undefined;
  return (
    `${titleOf(kind)} was made for parameters ${header.digest.slice(0, 12)}, this context has ${digest.slice(0, 12)}: ` +
    'load it with the parameters it was made for'
  );
}

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { OperandError, WireError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import {
  type Context,
  checkKeySpec,
  derivationVersion,
  digitBasis,
  gadgetOf,
  type KeyDigit,
  KeyDigits,
  type KeyRole,
  type KeySpec,
  keyRoles,
  type Parameters,
  type SecretKey,
  seedBytes,
} from '../scheme/index.ts';
import { sameBytes } from './checksum.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { limbBytes } from './packing.ts';

// Evaluation keys on disk and on the wire: parts of at most 8 MiB, each whole limbs of one digit of one key, b half alone.
// A part says what it is and is named by its SHA-256, so parts are made, sent, kept and resumed one by one, in any order.

/** Most bytes of a part. */
export const maxPartBytes = 2 ** 23;
export const partHeaderBytes = 128;
/** Bytes behind the payload that the unpacking kernel may read. */
const padBytes = 64;
const magic = Uint8Array.of(0x89, 0x43, 0x46, 0x4b, 0x0d, 0x0a, 0x1a, 0x0a);
const partVersion = 1;

/** Which limbs of which digit a part holds; a function of the plan alone. */
export interface KeyPart {
  readonly spec: KeySpec;
  readonly digit: number;
  /** Limbs [from, to) of the digit, in the order of its basis. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

/** All parts of a set of keys, in the order of the list. @throws ParameterError for a key that may not be made */
export function keyParts(parameters: Parameters, specs: readonly KeySpec[]): KeyPart[] {
  const bytesOf = parameters.primes.map((p) => limbBytes(parameters.n, p));
  return specs.flatMap((spec) => {
    checkKeySpec(parameters, spec);
    const gadget = gadgetOf(parameters, spec);
    const basis = digitBasis(parameters, spec.level, gadget);
    const runs = evenRuns(basis.map((prime) => bytesOf[prime]!));
    return gadget.digitSizes.flatMap((_, digit) => runs.map((run) => ({ spec, digit, ...run })));
  });
}

/** Bytes of all parts on the wire. */
export function keyWireBytes(parameters: Parameters, specs: readonly KeySpec[]): number {
  return keyParts(parameters, specs).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** As few runs as fit, with as even a number of limbs as possible. */
function evenRuns(sizes: readonly number[]): { from: number; to: number; bytes: number }[] {
  for (let count = 1; ; count++) {
    const runs = Array.from({ length: count }, (_, i) => {
      const from = Math.floor((i * sizes.length) / count);
      const to = Math.floor(((i + 1) * sizes.length) / count);
      return { from, to, bytes: partHeaderBytes + sizes.slice(from, to).reduce((sum, size) => sum + size, 0) };
    });
    if (runs.every(({ bytes }) => bytes <= maxPartBytes)) return runs;
  }
}

/**
 * A view of kernel memory that is made once. For the garbage collector every view counts as memory of its own, and a view for
 * each limb made it run for a third of the time. In WebAssembly memory that grew leaves views without length.
 */
class LastingView {
  readonly #make: () => Uint8Array<ArrayBuffer>;
  #view = new Uint8Array(0);

  constructor(make: () => Uint8Array<ArrayBuffer>) {
    this.#make = make;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#view.length === 0) this.#view = this.#make();
    return this.#view;
  }
}

/** Makes the parts of a set, any of them in any order: one after the other is quickest. Memory: one digit. */
export class KeyPartMaker implements Disposable {
  readonly parts: readonly KeyPart[];
  readonly #context: Context;
  readonly #digits: KeyDigits;
  readonly #staging: Slab;
  readonly #packed: LastingView;
  #made: { readonly of: KeyPart; readonly digit: KeyDigit } | undefined;

  /** @throws KeyError for a secret of version 1, ParameterError for a key that may not be made */
  constructor(secret: SecretKey, specs: readonly KeySpec[]) {
    this.#context = secret.context;
    this.parts = keyParts(secret.context.parameters, specs);
    this.#digits = new KeyDigits(secret);
    this.#staging = new Slab(secret.context.kernels, maxPartBytes / 8);
    this.#packed = new LastingView(() => this.#staging.bytesView());
  }

  /**
   * The bytes of a part. Cost: a digit of a key where the part before was of another.
   * @param buffer where they go, `maxPartBytes` at least. Default: fresh memory, whose release costs as much as packing.
   */
  make(part: KeyPart, buffer = new ArrayBuffer(part.bytes)): Uint8Array<ArrayBuffer> {
    const { parameters, kernels, ring } = this.#context;
    if (this.#made?.of.spec !== part.spec || this.#made.of.digit !== part.digit) {
      // Where making fails, the buffer holds neither digit.
      this.#made = undefined;
      this.#made = { of: part, digit: this.#digits.make(part.spec, part.digit) };
    }
    const { digit } = this.#made;
    const bytes = new Uint8Array(buffer, 0, part.bytes);
    bytes.set(header(parameters, part, digit.seed));
    const basis = digitBasis(parameters, part.spec.level, gadgetOf(parameters, part.spec));
    const limbs = basis.slice(part.from, part.to);
    const addresses = limbs.map((_, i) => digit.address + 8 * (part.from + i) * ring.n);
    const wrong = kernels.call(Op.packResidues, ring.handle, this.#staging.address(), addresses, limbs);
    if (wrong >= 0)
      throw new OperandError(`residue ${wrong % ring.n} of ${nameOfPart(part)} has more bits than its prime`);
    bytes.set(this.#packed.bytes.subarray(0, part.bytes - partHeaderBytes), partHeaderBytes);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#made = undefined;
    this.#digits[Symbol.dispose]();
    this.#staging.release();
  }
}

function header(parameters: Parameters, { spec, digit, from, to }: KeyPart, seed: Uint8Array): Uint8Array {
  const { digitSizes } = gadgetOf(parameters, spec);
  const digitFrom = digitSizes.slice(0, digit).reduce((sum, size) => sum + size, 0);
  const fields = new FieldWriter()
    .bytes(magic)
    .u16(partVersion)
    .u16(derivationVersion)
    .bytes(hexToBytes(parameters.digest))
    .u8(keyRoles[spec.role])
    .u8(spec.special)
    .u16(spec.level)
    .u32(spec.galois)
    .u16(digit)
    .u16(digitFrom)
    .u16(digitFrom + digitSizes[digit]!)
    .u16(from)
    .u16(to)
    .bytes(seed)
    .finish();
  const padded = new Uint8Array(partHeaderBytes);
  padded.set(fields);
  return padded;
}

/** What a part says of itself, checked against these parameters. */
export interface ReadKeyPart extends KeyPart {
  readonly seed: Uint8Array<ArrayBuffer>;
}

const roleNames = new Map<number, KeyRole>(
  Object.entries(keyRoles).map(([name, code]) => [code, name as KeyRole] as const),
);

/** Reads the first 128 bytes of a part. @throws WireError for anything that `KeyPartMaker` does not make for these parameters */
export function readKeyPartHeader(parameters: Parameters, bytes: Uint8Array, where: string): ReadKeyPart {
  if (bytes.length < partHeaderBytes)
    throw new WireError(`${where} has only ${bytes.length} bytes: it is cut short, make or send it again`);
  const fields = new FieldReader(bytes.subarray(0, partHeaderBytes), where);
  if (!sameBytes(fields.bytes(magic.length), magic))
    throw new WireError(`${where} is no part of evaluation keys: give what keygen wrote, transferred as binary`);
  const [version, derivation] = [fields.u16(), fields.u16()];
  if (version !== partVersion || derivation !== derivationVersion)
    throw new WireError(
      `${where} has format ${version}.${derivation}, this release reads ${partVersion}.${derivationVersion}: make the keys again`,
    );
  const digest = bytesToHex(fields.bytes(32));
  if (digest !== parameters.digest)
    throw new WireError(
      `${where} was made for parameters ${digest.slice(0, 12)}, these are ${parameters.digest.slice(0, 12)}: give keys of this program`,
    );
  const role = roleNames.get(fields.u8());
  const [special, level, galois] = [fields.u8(), fields.u16(), fields.u32()];
  const [digit, digitFrom, digitTo, from, to] = [fields.u16(), fields.u16(), fields.u16(), fields.u16(), fields.u16()];
  const seed = fields.bytes(seedBytes);
  if (fields.bytes(partHeaderBytes - fields.position).some((byte) => byte !== 0))
    throw new WireError(`${where} has unknown fields in its header: it is damaged`);
  const spec = { role: role ?? ('' as KeyRole), special, level, galois };
  const part = partsOf(parameters, spec, where).find((one) => one.digit === digit && one.from === from);
  const sizes = gadgetOf(parameters, spec).digitSizes;
  const start = sizes.slice(0, digit).reduce((sum, size) => sum + size, 0);
  if (!part || part.to !== to || start !== digitFrom || start + sizes[digit]! !== digitTo)
    throw new WireError(
      `${where} claims limbs ${from} to ${to} of digit ${digit} (${digitFrom} to ${digitTo}), which no key of these parameters has: it is damaged`,
    );
  if (part.bytes !== bytes.length)
    throw new WireError(`${where} has ${bytes.length} bytes, its limbs take ${part.bytes}: it is damaged`);
  return { ...part, seed };
}

function partsOf(parameters: Parameters, spec: KeySpec, where: string): KeyPart[] {
  try {
    return keyParts(parameters, [spec]);
  } catch (error) {
    throw new WireError(`${where} is of a key that may not be: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** Memory through which parts pass on their way into keys. */
export class KeyPartReader implements Disposable {
  readonly #context: Context;
  readonly #staging: Slab;
  readonly #view: LastingView;

  constructor(context: Context) {
    this.#context = context;
    this.#staging = new Slab(context.kernels, (maxPartBytes + padBytes) / 8);
    this.#view = new LastingView(() => this.#staging.bytesView());
  }

  /**
   * Checks that a part is the expected one and unpacks its limbs.
   * @param bytes of the whole part, whose SHA-256 the caller has checked
   * @param address of [limbs of the digit][N] words
   * @returns the digit's public seed
   * @throws WireError for another part, or residues that are not below their primes
   */
  read(bytes: Uint8Array, expected: KeyPart, address: number, where: string): Uint8Array<ArrayBuffer> {
    const { parameters, kernels, ring } = this.#context;
    const part = readKeyPartHeader(parameters, bytes, where);
    if (nameOfPart(part) !== nameOfPart(expected))
      throw new WireError(`${where} holds ${nameOfPart(part)}, expected ${nameOfPart(expected)}: the list is damaged`);
    const payload = bytes.subarray(partHeaderBytes);
    this.#view.bytes.set(payload);
    const basis = digitBasis(parameters, part.spec.level, gadgetOf(parameters, part.spec)).slice(part.from, part.to);
    const addresses = basis.map((_, i) => address + 8 * (part.from + i) * ring.n);
    const wrong = kernels.call(Op.unpackResidues, ring.handle, this.#staging.address(), addresses, [...basis]);
    if (wrong >= 0) {
      const limb = Math.floor(wrong / ring.n);
      throw new WireError(
        `${where}: residue ${wrong % ring.n} of limb ${part.from + limb} is not below its prime ${parameters.primes[basis[limb]!]}: this was not written by cipherformer`,
      );
    }
    return part.seed;
  }

  [Symbol.dispose](): void {
    this.#staging.release();
  }
}

/** A part in words, for messages and for the memory of what was made: unique within parameters. */
export function nameOfPart({ spec, digit, from, to }: KeyPart): string {
  return `${spec.role}/${spec.galois}/${spec.level}/${spec.special}/${digit}/${from}-${to}`;
}

import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Gadget, Parameters } from '../parameters/parameters.ts';
import { erasableCopy, seedBytes } from './random.ts';

// Everything secret that an owner has follows from 32 bytes, the master, by HKDF with SHA-256 (RFC 5869): so the same keys
// can be made again by any build, after a closed tab or a power cut, without keeping them. One seed must never serve two
// messages: from b = -a s + e + m and b' = -a s + e + m' anybody computes m - m'. So the info of each seed names all that
// the key made from it depends on; whatever changes what a key contains changes a version here.

/** Of the info below. A change of the layout of seeds, or of what a digit contains, is a new version. */
export const derivationVersion = 1;
/** Of the bytes that a seed expands to (AES-256-CTR, the samplers' use of the stream): the same in every build. */
export const samplerVersion = 1;

/** Of the seed that everything secret follows from. */
export const masterBytes = 32;

const domain = utf8ToBytes('cipherformer derivation\0');
const salt = utf8ToBytes('cipherformer master, version 2');
/** A digit for each limb at worst. */
const maxDigits = 128;
export const infoBytes = domain.length + 2 + 2 + 32 + 1 + 1 + 2 * 6 + 4 + 2 + 1 + 1 + maxDigits + 2 + 1;

/** What a seed is for, by number: part of the format. */
const purposes = { secret: 1, keyId: 2, switchingKey: 3 } as const;

/** What an evaluation key is for, by number: part of the formats. */
export const keyRoles = { relinearisation: 0, galois: 1, toSparse: 2, toDense: 3 } as const;
export type KeyRole = keyof typeof keyRoles;

/** How a polynomial follows from the owner's secrets: an automorphism of a power of one of them. */
export interface SecretPath {
  readonly secret: 'dense' | 'sparse';
  /** Galois element: 1 for none. */
  readonly automorphism: number;
  readonly power: 1 | 2;
}

/** One half of one digit of a switching key. */
export interface DigitInfo {
  readonly role: KeyRole;
  /** The secret under which the digit is encrypted: without it two keys with one a and e would give a (s - s'). */
  readonly under: SecretPath;
  /** The secret that is the message. */
  readonly message: SecretPath;
  /** The automorphism that follows the switch. */
  readonly galois: number;
  readonly level: number;
  readonly gadget: Gadget;
  readonly digit: number;
  /** The uniform half, whose seed is published, or the error of the other. */
  readonly half: 'a' | 'e';
}

/** The pseudorandom key of a master; erase it after use. HKDF-Extract. */
export function extractMaster(master: Uint8Array): Uint8Array<ArrayBuffer> {
  return moved(extract(sha256, master, salt));
}

/** 32 bytes for one use. HKDF-Expand. */
export function deriveSeed(extracted: Uint8Array, info: Uint8Array): Uint8Array<ArrayBuffer> {
  return moved(expand(sha256, extracted, info, seedBytes));
}

function moved(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = erasableCopy(secret);
  secret.fill(0);
  return copy;
}

/** The info of the seed of the dense or the sparse secret. */
export function secretInfo(parameters: Parameters, secret: SecretPath['secret']): Uint8Array<ArrayBuffer> {
  return new Info(parameters, purposes.secret).path({ secret, automorphism: 1, power: 1 }).finish();
}

/** The info of the name of a secret key. */
export function keyIdInfo(parameters: Parameters): Uint8Array<ArrayBuffer> {
  return new Info(parameters, purposes.keyId).finish();
}

/** The info of a digit's seed: fixed width, every field at its place, so two digits never share one. */
export function digitInfo(parameters: Parameters, of: DigitInfo): Uint8Array<ArrayBuffer> {
  const info = new Info(parameters, purposes.switchingKey).path(of.under).path(of.message);
  info.u8(keyRoles[of.role]).u32(of.galois).u16(of.level).u8(of.gadget.special).u8(of.gadget.digitSizes.length);
  for (let digit = 0; digit < maxDigits; digit++) info.u8(of.gadget.digitSizes[digit] ?? 0);
  return info
    .u16(of.digit)
    .u8(of.half === 'a' ? 1 : 2)
    .finish();
}

/** Writes an info; fields that a purpose does not have are zero. @throws RangeError for a value that does not fit its field */
class Info {
  readonly #bytes = new Uint8Array(infoBytes);
  readonly #view = new DataView(this.#bytes.buffer);
  #at = 0;

  constructor(parameters: Parameters, purpose: number) {
    this.#bytes.set(domain);
    this.#at = domain.length;
    this.u16(derivationVersion).u16(samplerVersion);
    this.#bytes.set(hexToBytes(parameters.digest), this.#at);
    this.#at += 32;
    this.u8(purpose);
  }

  path({ secret, automorphism, power }: SecretPath): this {
    return this.u8(secret === 'dense' ? 1 : 2)
      .u32(automorphism)
      .u8(power);
  }

  u8(value: number): this {
    return this.#put(value, 1, (at) => this.#view.setUint8(at, value));
  }

  u16(value: number): this {
    return this.#put(value, 2, (at) => this.#view.setUint16(at, value, true));
  }

  u32(value: number): this {
    return this.#put(value, 4, (at) => this.#view.setUint32(at, value, true));
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  #put(value: number, bytes: number, set: (at: number) => void): this {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** bytes)
      throw new RangeError(`${value} does not fit ${bytes} bytes of a derivation's info`);
    set(this.#at);
    this.#at += bytes;
    return this;
  }
}

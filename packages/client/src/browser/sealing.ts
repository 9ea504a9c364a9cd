import { PassphraseError } from './failure.ts';

// How the 32-byte master lies in the browser's storage: sealed by AES-GCM under a key of the browser that no script can read
// out, and, where a passphrase was given, under one derived from it as well. Who has the browser's profile and no passphrase
// protects it can use the key in that browser, and cannot take it along by script.

/** OWASP's figure of 2023 for PBKDF2 with HMAC-SHA-256. */
export const pbkdf2Iterations = 600_000;
/** Most iterations that are read of a file: ten seconds. */
export const maxPbkdf2Iterations = 10_000_000;
export const saltBytes = 16;
export const ivBytes = 12;

type Bytes = Uint8Array<ArrayBuffer>;

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

export interface SealedMaster {
  /** Not extractable: the browser uses it, and gives it to nobody. */
  readonly key: CryptoKey;
  readonly iv: Bytes;
  readonly bytes: Bytes;
  /** Of the passphrase's own seal, inside. */
  readonly passphrase?: { readonly salt: Bytes; readonly iv: Bytes; readonly iterations: number };
}

export const randomBytes = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));

/** Seals a master. @param owner binds it to its service: a record moved to another does not open */
export async function sealMaster(master: Bytes, owner: string, passphrase?: string): Promise<SealedMaster> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = randomBytes(ivBytes);
  if (passphrase === undefined) return { key, iv, bytes: await encrypt(key, iv, owner, master) };
  const inner = { salt: randomBytes(saltBytes), iv: randomBytes(ivBytes), iterations: pbkdf2Iterations };
  const own = await passphraseKey(passphrase, inner.salt, inner.iterations);
  const once = await encrypt(own, inner.iv, owner, master);
  return { key, iv, bytes: await encrypt(key, iv, owner, once), passphrase: inner };
}

/** @throws PassphraseError where one is needed, or is another */
export async function openMaster(sealed: SealedMaster, owner: string, passphrase?: string): Promise<Bytes> {
  const { passphrase: inner } = sealed;
  if (inner !== undefined && passphrase === undefined)
    throw new PassphraseError('passphrase-needed', 'the secret key in this browser is sealed with a passphrase');
  const bytes = await decrypt(sealed.key, sealed.iv, owner, sealed.bytes);
  if (inner === undefined) return bytes;
  const own = await passphraseKey(passphrase!, inner.salt, inner.iterations);
  return decrypt(own, inner.iv, owner, bytes).catch(() => {
    throw new PassphraseError('wrong-passphrase', 'the secret key in this browser is sealed with another passphrase');
  });
}

/** An AES-GCM key of a passphrase. Cost: half a second on a laptop, on purpose. */
export async function passphraseKey(passphrase: string, salt: Bytes, iterations: number): Promise<CryptoKey> {
  const typed = await crypto.subtle.importKey('raw', utf8(passphrase.normalize('NFKC')), 'PBKDF2', false, [
    'deriveKey',
  ]);
  const derivation = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations };
  return crypto.subtle.deriveKey(derivation, typed, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

export async function encrypt(key: CryptoKey, iv: Bytes, bound: string | Bytes, plain: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.encrypt(gcm(iv, bound), key, plain));
}

/** @throws DOMException where it was sealed otherwise, or changed */
export async function decrypt(key: CryptoKey, iv: Bytes, bound: string | Bytes, sealed: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.decrypt(gcm(iv, bound), key, sealed));
}

const gcm = (iv: Bytes, bound: string | Bytes) => ({
  name: 'AES-GCM',
  iv,
  additionalData: typeof bound === 'string' ? utf8(bound) : bound,
});

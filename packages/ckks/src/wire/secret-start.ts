// How a secret key looks from outside, for those who must not take one. The package's entry "./secret-start", which loads no
// kernels and nothing of keys.

/** Bytes that tell. */
export const secretStartBytes = 12;

/** Magic of wire objects, any version, kind 2 (header.ts). */
const start = [0x89, 0x43, 0x46, 0x57, 0x0d, 0x0a, 0x1a, 0x0a, undefined, undefined, 2, 0];

/** Whether these are the first bytes of a secret key of any version. Nothing more of one need ever be read. */
export function startsLikeSecretKey(bytes: Uint8Array): boolean {
  return bytes.length >= secretStartBytes && start.every((byte, i) => byte === undefined || byte === bytes[i]);
}

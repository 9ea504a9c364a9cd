export { checksumBytes, StreamingSha256, sha256 } from './checksum.ts';
export type { WireKind } from './header.ts';
export { wireKinds, wireVersions } from './header.ts';
export { inspectWire, type WireSummary, wireBytes } from './inspect.ts';
export {
  type KeyPart,
  KeyPartMaker,
  KeyPartReader,
  keyParts,
  keyWireBytes,
  maxPartBytes,
  nameOfPart,
  partHeaderBytes,
  type ReadKeyPart,
  readKeyPartHeader,
} from './key-parts.ts';
export { type KeySet, type PartSource, type ReadKeySetOptions, readKeySet, verifyKeySet } from './key-set.ts';
export {
  publicKeyFromWire,
  publicKeyToWire,
  secretKeyFromWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
} from './keys.ts';
export type { WireObject } from './object.ts';
export { parametersFromWire, parametersToWire } from './parameters.ts';
export { secretStartBytes, startsLikeSecretKey } from './secret-start.ts';
export type { WireSource } from './source.ts';
export { ciphertextFromWire, ciphertextToWire, plaintextFromWire, plaintextToWire } from './values.ts';

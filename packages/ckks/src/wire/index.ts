export { StreamingSha256 } from './checksum.ts';
export type { WireKind } from './header.ts';
export { wireKinds, wireVersion } from './header.ts';
export { inspectWire, type WireSummary, wireBytes } from './inspect.ts';
export {
  type BootstrapKeySet,
  bootstrapKeysFromWire,
  bootstrapKeysToWire,
  evaluationKeysFromWire,
  evaluationKeysToWire,
  keySetWireBytes,
  type ReadKeysOptions,
} from './key-sets.ts';
export {
  type KeyShape,
  publicKeyFromWire,
  publicKeyToWire,
  secretKeyFromWire,
  secretKeyToWire,
  switchingKeyFromWire,
  switchingKeyToWire,
  switchingKeyWireBytes,
} from './keys.ts';
export type { WireObject } from './object.ts';
export { parametersFromWire, parametersToWire } from './parameters.ts';
export type { WireSource } from './source.ts';
export { ciphertextFromWire, ciphertextToWire, plaintextFromWire, plaintextToWire } from './values.ts';

export { Ciphertext, DecryptedPlaintext, Plaintext, sameScale } from './ciphertext.ts';
export { Context } from './context.ts';
export {
  type DigitInfo,
  derivationVersion,
  digitInfo,
  type KeyRole,
  keyRoles,
  masterBytes,
  type SecretPath,
  samplerVersion,
} from './derivation.ts';
export { type EncodeOptions, Encoder, type Slots } from './encoder.ts';
export { decryptToPlaintext, encryptPublic, encryptSymmetric, type SeededCiphertext } from './encryptor.ts';
export { Evaluator } from './evaluator.ts';
export { type KeyDigit, KeyDigits } from './key-digits.ts';
export {
  checkKeySpec,
  compareSpecs,
  gadgetOf,
  type KeySpec,
  keyMemoryBytes,
  keyPlanDigest,
  secretPaths,
} from './key-spec.ts';
export { type Decomposition, type ExtendedBasis, KeySwitcher, type Pair, pairOf } from './key-switcher.ts';
export { checkKeyShape, checkKeyUse, checkSecretUse, type KeyUse } from './key-use.ts';
export { type GaloisUse, KeyGenerator } from './keygen.ts';
export { digitBasis, EvaluationKeys, PublicKey, SecretKey, SwitchingKey, switchingKeyWords } from './keys.ts';
export { NoiseModel, type NoisyValue } from './noise.ts';
export { checkOperand } from './operands.ts';
export {
  digitSizesAt,
  type Gadget,
  keySwitchTransforms,
  maxSpecialPrimes,
  Parameters,
  type ParametersLiteral,
} from './parameters.ts';
export { Decryptor, floodingDeviation, PrivateSlots, type SharedSlots, type ShareOptions } from './private.ts';
export {
  erasableBytes,
  erasableCopy,
  errorDeviation,
  expandUniform,
  publicSeed,
  randomSeed,
  seedBytes,
  smallKind,
  withSeed,
} from './random.ts';
export { checkConstant, checkScale, scaledInteger } from './range.ts';
export {
  checkEphemeralBasis,
  ephemeralWeight,
  maxEphemeralLogQP,
  minEphemeralLogN,
  type SecurityOptions,
  secureLogQP,
  smallestSecureLogN,
} from './security.ts';

export { Evaluator } from './evaluation/evaluator.ts';
export { type Decomposition, type ExtendedBasis, KeySwitcher, type Pair, pairOf } from './evaluation/key-switcher.ts';
export { checkOperand } from './evaluation/operands.ts';
export { digitBasis, EvaluationKeys, PublicKey, SwitchingKey, switchingKeyWords } from './keys/evaluation-keys.ts';
export {
  checkKeySpec,
  compareSpecs,
  gadgetOf,
  type KeySpec,
  keyMemoryBytes,
  keyPlanDigest,
  secretPaths,
} from './keys/key-spec.ts';
export { checkKeyShape, checkKeyUse, checkSecretUse, type KeyUse } from './keys/key-use.ts';
export { Context } from './parameters/context.ts';
export {
  digitSizesAt,
  type Gadget,
  keySwitchTransforms,
  maxSpecialPrimes,
  Parameters,
  type ParametersLiteral,
} from './parameters/parameters.ts';
export { checkConstant, checkScale, scaledInteger } from './parameters/range.ts';
export {
  checkEphemeralBasis,
  ephemeralWeight,
  maxEphemeralLogQP,
  minEphemeralLogN,
  type SecurityOptions,
  secureLogQP,
  smallestSecureLogN,
} from './parameters/security.ts';
export { decryptToPlaintext, encryptPublic, encryptSymmetric, type SeededCiphertext } from './secret/encryptor.ts';
export { type KeyDigit, KeyDigits } from './secret/key-digits.ts';
export { type GaloisUse, KeyGenerator } from './secret/keygen.ts';
export { Decryptor, floodingDeviation, PrivateSlots, type SharedSlots, type ShareOptions } from './secret/private.ts';
export { SecretKey } from './secret/secret-key.ts';
export {
  type DigitInfo,
  derivationVersion,
  digitInfo,
  type KeyRole,
  keyRoles,
  masterBytes,
  type SecretPath,
  samplerVersion,
} from './seeds/derivation.ts';
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
} from './seeds/random.ts';
export { Ciphertext, DecryptedPlaintext, Plaintext, sameScale } from './values/ciphertext.ts';
export { type EncodeOptions, Encoder, type Slots } from './values/encoder.ts';
export { NoiseModel, type NoisyValue } from './values/noise.ts';

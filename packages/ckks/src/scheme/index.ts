export { Ciphertext, DecryptedPlaintext, Plaintext, sameScale } from './ciphertext.ts';
export { Context } from './context.ts';
export { type EncodeOptions, Encoder, type Slots } from './encoder.ts';
export { decryptToPlaintext, encryptPublic, encryptSymmetric, type SeededCiphertext } from './encryptor.ts';
export { type Decomposition, Evaluator, scaledInteger } from './evaluator.ts';
export { checkKeyUse, type KeyUse } from './key-use.ts';
export { type GaloisUse, KeyGenerator } from './keygen.ts';
export { EvaluationKeys, PublicKey, SecretKey, SwitchingKey, switchingKeyWords } from './keys.ts';
export { NoiseModel, type NoisyValue } from './noise.ts';
export {
  digitSizesAt,
  type Gadget,
  keySwitchTransforms,
  maxSpecialPrimes,
  Parameters,
  type ParametersLiteral,
} from './parameters.ts';
export { Decryptor, floodingDeviation, PrivateSlots, type SharedSlots, type ShareOptions } from './private.ts';
export { errorDeviation, expandUniform, randomSeed, seedBytes, smallKind, withSeed } from './random.ts';
export {
  checkEphemeralBasis,
  ephemeralWeight,
  maxEphemeralLogQP,
  minEphemeralLogN,
  type SecurityOptions,
  secureLogQP,
  smallestSecureLogN,
} from './security.ts';

/**
 * The client's side of a program: keys, encryption, decryption. Needs the client's half alone, and runs in browsers; files on
 * disk are in "./client/files".
 */
export { type AnswerForm, answerFormOf, PrivateAnswer, type RevealedAnswer } from './client/answer.ts';
export { decryptOutputs, encryptInputs } from './client/encrypt.ts';
export {
  higherCounts,
  MemoryVerdictLedger,
  noVerdicts,
  outOfRangeStep,
  requireUsableKey,
  type VerdictCounts,
  type VerdictEntry,
  type VerdictLedger,
  type VerdictOptions,
  withEntry,
} from './client/verdicts.ts';
export {
  FileError,
  KeyLimitError,
  KeyUseError,
  PromptError,
  ResultError,
  type ResultFault,
  ShareError,
} from './errors.ts';
export { derivedKeys } from './keys/derived-keys.ts';
export { checkKeyBytes, type KeyList, keyListFormat, makeKeyList, unaskedKeyBytes } from './keys/key-list.ts';
export {
  type MadePart,
  type MakePartsOptions,
  makeParts,
  type PartMemory,
  VolatilePartMemory,
} from './keys/key-parts.ts';
export { type ClientProgram, manifestFile, readClientHalf } from './protocol/client-half.ts';
export type { SentTokens } from './protocol/envelope.ts';
export { parametersOf } from './protocol/manifest.ts';
export { keySpecsOf, type ProgramManifest } from './protocol/manifest-schema.ts';
export { type RequestDescription, readRequest } from './protocol/request.ts';

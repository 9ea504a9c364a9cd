/** The data owner's side of a service, for browsers and Node: no Node module is reached from here. */
export { ConnectionLost, describeChange, JobFailed, KeysRejected, type ProgramChange, ProgramChanged, type SeenProgram, ServiceError, TransportError } from './errors.ts'; // biome-ignore format: a list
export {
  type Exchange,
  type GeneratedToken,
  type GenerateOptions,
  type GenerationEnd,
  generateTokens,
} from './generate.ts';
export type { HttpOptions } from './http.ts';
export type { AgreeChange, ProgramMemory } from './programs-seen.ts';
export type {
  Job,
  JobState,
  KeyList,
  Keyset,
  OpenKeyset,
  Program,
  StepProblem,
} from './protocol.ts';
export type { RetryOptions } from './retry.ts';
export { serviceOf } from './service-address.ts';
export {
  type Owner,
  type Reply,
  ServiceSession,
  type SessionOptions,
  type SessionProgress,
  type SessionStage,
  type Submitted,
} from './session.ts';
export { type TokenStore, VolatileTokens } from './tokens.ts';
export { Transport } from './transport.ts';
export { type UploadPart, type UploadProgress, uploadParts } from './upload.ts';

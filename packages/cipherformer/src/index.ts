import './node-version.ts';

/**
 * Transformers in polynomial form, run on encrypted input: `connect` and ask; or compile, and keep the two sides of a program
 * apart, the client with the secret key and the server without it.
 */
export { isCipherformerError, type OnProgress, type Progress } from '@cipherformer/base';
export type { GeneratedToken, GenerateOptions, GenerationEnd } from '@cipherformer/client';
export type { ProgramManifest, VerdictCounts } from '@cipherformer/runtime/client';
export type { Answer, Answers, Label, Result, Results, RevealOptions } from './door/answer.ts';
export type {
  ClientOptions,
  EvaluationKeyOptions,
  KeyMakingOptions,
  MadeEvaluationKeys,
  OwnerOptions,
} from './door/client.ts';
export type { CompileOptions } from './door/compile.ts';
export type { Connection, ConnectOptions } from './door/connect.ts';
export type { Conversion, ConversionData, ConvertOptions } from './door/convert.ts';
export {
  Client,
  compile,
  connect,
  convert,
  datasets,
  loadModel,
  PolynomialModel,
  Program,
  Server,
} from './door/door.ts';
export type { GenerationOptions } from './door/generation.ts';
export type { LoadModelOptions, TrainedModel } from './door/load-model.ts';
export type { Prediction, Predictions, PredictOptions } from './door/prediction.ts';
export type { ProgramOptions } from './door/program.ts';
export { type RunningService, type ServeOptions, serve } from './door/serve.ts';
export type { ServerKeys, WorkOptions } from './door/server.ts';
export type { Input, InputOptions, Inputs } from './input/input.ts';
export type { SecretStore } from './owner/secret-store.ts';
export type { EncryptedRequest, EvaluationKeyPart, EvaluationKeys } from './thread/between.ts';

/** The client of a service for pages: the secret key stays in a worker and in the browser's storage. */
export {
  type BrowserAnswer,
  BrowserConnection,
  BrowserService,
  type ConnectOptions,
  connect,
  type ServiceOptions,
} from './browser/connect.ts';
export { lackingFeature } from './browser/environment.ts';
export { BrowserError, ClientError } from './browser/failure.ts';
export type {
  InputForm,
  KeyState,
  PendingQuestion,
  ProgramFacts,
  ProgramListing,
  Question,
  QuestionProgress,
  Score,
  Stage,
} from './browser/messages.ts';
export type { CallOptions } from './browser/worker-calls.ts';
export { describeChange, type ProgramChange, type SeenProgram } from './errors.ts';

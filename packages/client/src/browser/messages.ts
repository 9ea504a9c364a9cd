import type { VerdictCounts } from '@cipherformer/runtime/client';
import type { ProgramChange } from '../errors.ts';
import type { SessionProgress, SessionStage } from '../session.ts';
import type { Failure } from './failure.ts';

// What a page and the worker with the secret key say to each other. The key, requests and logits stay in the worker; a label
// leaves it when it is known, scores when the owner asks for them, the key only sealed with the passphrase of an export.

/** What a person asks about. */
export type Question =
  | { readonly text: string }
  /** Bytes 0 to 255, [channels, height, width]. */
  | { readonly pixels: Uint8Array }
  /** A PNG or JPEG file. */
  | { readonly picture: Uint8Array | Blob };

/** A program as a service lists it; what its owner wrote about it. */
export interface ProgramListing {
  /** SHA-256 of the program, in hexadecimal. */
  readonly digest: string;
  readonly name: string;
  readonly task: string;
  /** Of a search: how many documents it scores. */
  readonly documents?: number;
}

/** How inputs of a program look. */
export type InputForm =
  | {
      readonly kind: 'image';
      readonly channels: number;
      readonly height: number;
      readonly width: number;
      /** Whether pictures of any size are taken, and scaled as the model says. */
      readonly anySize: boolean;
    }
  | { readonly kind: 'text'; readonly tokens: number };

/** What the manifest of a program says. Everything in it is public. */
export interface ProgramFacts extends Omit<ProgramListing, 'documents'> {
  /** Names the list of its evaluation keys: programs of one plan share them. */
  readonly plan: string;
  readonly input: InputForm;
  /** Names of the answers, where it has some. */
  readonly classes?: readonly string[];
  /** Of a search: the texts of the documents, in the order of the scores. */
  readonly documents?: readonly string[];
  /** Evaluation keys, and their bytes as they are sent. */
  readonly keys: number;
  readonly keyBytes: number;
  /** Predicted for one run. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly bootstraps: number;
  readonly instructions: number;
  /** log2 of the ring's degree, and of all primes together. */
  readonly logN: number;
  readonly logQP: number;
}

/** nothing: no secret key yet. unfinished: a secret, but not all its evaluation keys are at the service. */
export type KeyState = 'nothing' | 'unfinished' | 'ready';

/** 'waiting': for another tab that makes the keys, or for the first answer of the service. */
export type Stage = 'waiting' | SessionStage;

/** `done` counts parts that the service has, or steps of a check or a run. */
export interface QuestionProgress extends Omit<SessionProgress, 'what'> {
  readonly what: Stage;
}

/** What leaves the worker of an answer; its scores stay until they are asked for by `id`. */
export interface AnswerNews {
  readonly id: number;
  /** Absent where the input left the model's range. */
  readonly label?: string;
  readonly reason?: string;
  readonly requestBytes: number;
  readonly resultBytes: number;
}

/** Of a class, 0 to 1; of a search that of a document: a cosine times a length that all have in common. */
export interface Score {
  readonly label: string;
  readonly score: number;
}

/** A question that was asked before the page was loaded, and is still being computed or has its answer. */
export interface PendingQuestion {
  readonly job: string;
  readonly program: string;
  /** When it was asked, in milliseconds since 1970. */
  readonly asked: number;
}

/** What the worker does, by its name: what it takes, and what it gives. */
export interface Calls {
  open: (given: { service: string; token?: string; passphrase?: string }) => readonly ProgramListing[];
  program: (given: { program: string; maxKeyBytes?: number }) => ProgramFacts;
  keys: (given: { program: string }) => KeyState;
  makeKeys: (given: { program: string }) => undefined;
  ask: (given: { program: string; question: Question }) => AnswerNews;
  pending: (given: Record<string, never>) => readonly PendingQuestion[];
  resume: (given: { job: string }) => AnswerNews;
  reveal: (given: { answer: number }) => readonly Score[];
  hasSecret: (given: Record<string, never>) => boolean;
  /** Absent: no passphrase any more. */
  sealSecret: (given: { passphrase?: string }) => undefined;
  isSealed: (given: Record<string, never>) => boolean;
  exportSecret: (given: { passphrase: string }) => Uint8Array<ArrayBuffer>;
  importSecret: (given: { file: Uint8Array<ArrayBuffer>; passphrase: string; seal?: string }) => undefined;
  /** Whether the evaluation keys may still be at the service. */
  deleteSecret: (given: Record<string, never>) => { leftAtService: boolean };
}
export type CallName = keyof Calls;
export type Given<Name extends CallName> = Parameters<Calls[Name]>[0];
export type Gives<Name extends CallName> = ReturnType<Calls[Name]>;

/** What an owner is asked: whether the next examples out of range may be shown, or another program than before is used. */
export type AllowAbout =
  | { readonly what: 'more'; readonly counts: VerdictCounts; readonly step: number }
  | { readonly what: 'change'; readonly change: ProgramChange };

/** To the worker. */
export type Order =
  | { [Name in CallName]: { readonly type: 'call'; readonly call: number; readonly name: Name; readonly given: Given<Name> } }[CallName]
  | { readonly type: 'stop'; readonly call: number }
  /** The answer to 'allow?'. */
  | { readonly type: 'allow'; readonly question: number; readonly yes: boolean }; // biome-ignore format: one line each

/** From the worker. */
export type News =
  | { readonly type: 'done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly failure: Failure }
  | { readonly type: 'progress'; readonly call: number; readonly progress: QuestionProgress }
  | { readonly type: 'allow?'; readonly question: number; readonly about: AllowAbout }
  /** The key is gone: another tab deleted it. */
  | { readonly type: 'deleted' };

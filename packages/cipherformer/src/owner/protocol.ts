import type { GenerateOptions, ProgramChange } from '@cipherformer/client';
import type { ProgramManifest, VerdictCounts, VerdictEntry } from '@cipherformer/runtime/client';
import type { Input } from '../input/input.ts';

// What passes between an owner's thread and whoever started it.

/** Whose program it is, here. */
export interface OpenArgument {
  /** Its folder, the client half of it, or its manifest alone. */
  readonly program: string | ProgramManifest;
  readonly insecure: boolean | undefined;
}

/** The same at a service. */
export interface ConnectArgument {
  readonly url: string;
  /** Its name, or the beginning of its digest, where a service has several. */
  readonly program: string | undefined;
  /** Of several the one that takes these, where none is named. */
  readonly takes: 'image' | 'text' | undefined;
  readonly insecure: boolean | undefined;
}

/** Where the secret key is: a file; bytes that were exported, or kept by a store; nowhere, for this process only. */
export type SentSecret =
  | { readonly file: string }
  | { readonly bytes: Uint8Array<ArrayBuffer> | undefined; readonly save: boolean }
  | undefined;

export interface InputsArgument {
  readonly inputs: readonly Input[];
  readonly resize: boolean | undefined;
}

/** A question to a service. */
export interface AskArgument extends InputsArgument {
  readonly maxKeyBytes: number | undefined;
}

/** A prompt, what is to follow it, and how. */
export interface GenerationArgument extends Omit<GenerateOptions, 'signal'> {
  readonly prompt: string | readonly number[];
  readonly maxKeyBytes: number | undefined;
}

export interface PartsArgument {
  readonly have: ReadonlySet<string> | undefined;
}

export interface WriteKeysArgument {
  readonly folder: string;
  readonly maxKeyBytes: number | undefined;
}

/** What a store has kept, and what is to be counted. */
export interface CountedArgument {
  readonly kept: Uint8Array<ArrayBuffer> | undefined;
  readonly entry: VerdictEntry | undefined;
}

/** A result and what it answers: a description of the request, or its bytes. */
export interface DecryptArgument {
  readonly result: Uint8Array;
  readonly request: Uint8Array | { readonly hash: string; readonly examples: number };
}

/** Of one input, whatever its owner may see of it. */
export interface SentAnswer {
  readonly logits: Float64Array;
  readonly reason: string | undefined;
  /** Of its text, where each has a class and they are known. */
  readonly tokens?: readonly string[] | undefined;
}

/** What the thread asks. */
export type OwnerQuestion =
  | { readonly what: 'allow-more'; readonly counts: VerdictCounts }
  | { readonly what: 'allow-keys'; readonly bytes: number }
  | { readonly what: 'allow-change'; readonly change: ProgramChange }
  | { readonly what: 'save'; readonly secret: Uint8Array<ArrayBuffer> }
  /** The counts in the store, with an entry more where there is one: answered by way of `counted`. */
  | { readonly what: 'count'; readonly entry: VerdictEntry | undefined }
  | { readonly what: 'notice'; readonly text: string }
  /** The result of a request of a generation here; a service is asked by the thread itself. */
  | { readonly what: 'exchange'; readonly generation: number; readonly request: Uint8Array<ArrayBuffer> };

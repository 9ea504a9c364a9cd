import type { Progress } from '@cipherformer/base';
import type { SessionStage } from '@cipherformer/client';

// What the page and its worker say to each other. The secret key, the request and the logits stay in the worker; a label
// leaves it when it is known, scores when the owner asks for them.

/** To the worker. */
export type Order =
  | { readonly type: 'open'; readonly service: string }
  /** A prepared picture, 28 x 28 bytes. */
  | { readonly type: 'ask'; readonly pixels: Uint8Array }
  | { readonly type: 'stop' }
  /** The scores of the last answer. */
  | { readonly type: 'reveal' }
  | { readonly type: 'forget' }
  /** The answer to 'question'. */
  | { readonly type: 'allow'; readonly yes: boolean };

/** From the worker. */
export type News =
  | { readonly type: 'ready'; readonly facts: Facts }
  | ({ readonly type: 'progress' } & QuestionProgress)
  | { readonly type: 'answer'; readonly answer: Answer }
  | { readonly type: 'scores'; readonly scores: readonly { readonly label: string; readonly score: number }[] }
  /** Whether the next examples out of range may be shown. */
  | { readonly type: 'question'; readonly outOfRange: number; readonly step: number }
  | { readonly type: 'stopped' }
  /** The key is gone, here or by another tab; whether its evaluation keys may still be at the service. */
  | { readonly type: 'forgotten'; readonly leftAtService: boolean }
  | { readonly type: 'failed'; readonly problem: Problem };

/** What the program's manifest says, and what there is of the owner's keys. */
export interface Facts {
  readonly name: string;
  /** Bytes of all evaluation keys as they are sent. */
  readonly keyBytes: number;
  /** Processor time of one answer, predicted. */
  readonly cpuSeconds: number;
  /** nothing: no secret key yet. unfinished: a secret, but not all its evaluation keys are at the service. */
  readonly keys: 'nothing' | 'unfinished' | 'ready';
  /** Why this page cannot ask this program, if so. */
  readonly unsuitable?: string;
}

export type Stage = 'waiting' | SessionStage;

export interface QuestionProgress extends Progress<Stage> {
  /** While it waits: how many questions come before. */
  readonly place?: number;
}

export interface Answer {
  /** Absent where the drawing left the model's range. */
  readonly label?: string;
  readonly reason?: string;
  readonly requestBytes: number;
  readonly resultBytes: number;
}

/** An error in words. */
export interface Problem {
  readonly title: string;
  readonly text: string;
}

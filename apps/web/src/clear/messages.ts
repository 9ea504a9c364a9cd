import type { Question } from '@cipherformer/client/browser';

/** To the worker that computes in clear. */
export interface ClearOrder {
  readonly call: number;
  readonly service: string;
  readonly program: string;
  /** Absent: what the model says of itself, without a question. */
  readonly question?: Question;
}

/** What the polynomial model says to an input, computed in this page. */
export interface ClearAnswer {
  /** Absent where the input left the model's range. */
  readonly label?: string;
  readonly scores: readonly { readonly label: string; readonly score: number }[];
  readonly seconds: number;
}

/** How a model came to be: its card. */
export interface ModelStory {
  readonly name: string;
  readonly description?: string;
  readonly stages: readonly { readonly stage: string; readonly metric: string; readonly value: number }[];
  readonly polynomials: readonly {
    readonly site: string;
    readonly what: string;
    readonly interval: string;
    readonly degrees: string;
  }[];
}

/** From the worker: undefined where the model is not given away. */
export interface ClearNews {
  readonly call: number;
  readonly answer?: ClearAnswer;
  readonly story?: ModelStory;
  readonly failed?: string;
}

import type { InputForm, Seen } from '../input/seen.ts';

/** A model in clear that can be asked, trained or polynomial. */
export interface Asked {
  readonly form: InputForm;
  /** Outputs are token numbers, what comes next. */
  readonly isLanguage: boolean;
  /** Each output is a class of its own: several may hold. */
  readonly isMultiLabel?: boolean;
  /** Outputs are no classes, but a place in a space. */
  readonly isEmbedding?: boolean;
  /** Names of the outputs, where they have names. */
  readonly classes?: readonly string[];
  /** @throws DataError for what is no input of the model */
  say(seen: Seen): Promise<Said>;
  close(): Promise<void>;
}

/** What a model says of one input. */
export interface Said {
  /** [outputs]; a row a token where the head is one for tokens. */
  readonly logits: readonly number[] | readonly (readonly number[])[];
  /** Of polynomial models. */
  readonly inRange?: boolean;
}

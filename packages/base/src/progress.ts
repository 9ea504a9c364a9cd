/** How far work is that takes long. */
export interface Progress<What extends string = string> {
  /** What is being done: a stage of the work. Programs may compare it where its values are listed. */
  readonly what: What;
  /** Of `total`, in any unit; both begin anew with every `what`, unless the type says that they are of the whole. */
  readonly done: number;
  readonly total: number;
  /** Of this stage: predicted, or by its speed so far. Absent where nobody knows. */
  readonly secondsLeft?: number | undefined;
  /** More about it, for people. */
  readonly detail?: string | undefined;
}

/** Hears now and then how far work is. What it throws ends the work. */
export type OnProgress<P extends Progress = Progress> = (progress: P) => void;

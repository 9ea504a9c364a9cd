/** What a figure has to be. */
export interface Target {
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly equals?: string | number | boolean;
}

/** What a check is given. */
export interface CheckRun {
  /** All that is random follows from it. */
  readonly seed: number;
  /** A small version that takes a minute or so and leaves no record. */
  readonly quick: boolean;
  /** Folder of another checkout, for what compares with one. */
  readonly base: string | undefined;
  /** Progress, for the person who watches. */
  log(line: string): void;
  readonly resume: {
    /** What `save` was last given in a run of the same commit and seed that did not end; undefined at the start. */
    readonly state: unknown;
    /** Keeps a JSON value to go on from: call it after each finished piece, Ctrl-C ends the process at any time. */
    save(state: unknown): void;
  };
}

/** A file of scripts/checks. Loading it does nothing. */
export interface Check {
  readonly description: string;
  /** Held against the figures of the check's record by test/records.test.ts. */
  readonly targets?: Readonly<Record<string, Target>>;
  check(run: CheckRun): Promise<Readonly<Record<string, unknown>>>;
}

export declare const recordsFolder: string;
export declare const statesFolder: string;
export declare function checkNames(): string[];
export declare function loadCheck(name: string): Promise<Check>;
/** A sentence for each target that the figures miss. A figure that is absent misses. */
export declare function missedTargets(
  figures: Readonly<Record<string, unknown>>,
  targets?: Readonly<Record<string, Target>>,
): string[];
/** The machine that figures come from, without anything that names it. */
export declare function machine(): { cpu: string; cores: number; memoryBytes: number; node: string };
/** The commit that is checked out, and whether files differ from it. */
export declare function checkout(): { commit: string; dirty: boolean };

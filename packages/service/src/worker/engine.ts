import type { OnProgress, Progress } from '@cipherformer/base';

/** A committed key set as files. */
export interface KeysetFiles {
  readonly id: string;
  /** Digest of the key plan. */
  readonly plan: string;
  /** Names the secret key. */
  readonly key: string;
  /** In the order of the list; the hashes were checked when the parts arrived. */
  readonly parts: readonly { readonly sha256: string; readonly path: string }[];
  /** The list as its owner sent it: JSON, of which the service has checked what the protocol says of it. */
  readonly list: string;
  /** Folders of the programs that have this key plan. */
  readonly programs: readonly string[];
}

/** One that was committed and not read yet. */
export interface UnverifiedKeyset extends KeysetFiles {
  /** Lists of key sets of the same owner and secret key that were verified: keys that they have need not be read again. */
  readonly verified: readonly string[];
}

/** One request to compute. */
export interface JobFiles {
  readonly id: string;
  /** Folder of the program, with the server's half. */
  readonly program: string;
  readonly keyset: KeysetFiles;
  /** File of the request, as it came: not checked. */
  readonly request: string;
  /** Where the result goes. */
  readonly result: string;
}

export type EngineProgress = Progress<'verifying' | 'loading' | 'running'>;

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * The work itself, in the worker process: one call at a time. It may keep keys loaded between calls.
 */
export interface Engine {
  /**
   * Reads every part that no list of `verified` has for the same key, and checks it against the key plan. A verdict of false is the owner's to act on; a rejection of
   * the promise is the same, with the error's message as the reason.
   */
  verify(keyset: UnverifiedKeyset, progress: OnProgress<EngineProgress>, signal: AbortSignal): Promise<Verdict>;

  /**
   * Computes the result and writes it whole, durably and in one step (`writeDurably`): a file of that name counts as
   * finished, also after a crash. The same keys and request must give the same bytes: after a crash a run is repeated.
   * A rejection ends the job as failed, with the error's message as the reason.
   */
  run(job: JobFiles, progress: OnProgress<EngineProgress>, signal: AbortSignal): Promise<void>;

  /** Key sets whose keys are in memory: their jobs come first. */
  readonly loaded: readonly string[];

  /** A key set is gone: its keys leave the memory. */
  forget(keyset: string): void;
}

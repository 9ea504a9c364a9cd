import { CipherformerError } from '@cipherformer/base';

/** Ctrl-C, or a request to end. */
export class InterruptedError extends CipherformerError {
  override readonly name = 'InterruptedError';
  override readonly code = 'interrupted';
}

const names = ['SIGINT', 'SIGTERM'] as const;

/** How much work listens for itself. */
let listening = 0;

/**
 * Runs a verb, so that Ctrl-C or a request to end is never without a message and its exit code: where no work listens for
 * itself, `end` is called, which ends the process.
 */
export async function endingOnInterrupt<Result>(
  end: (error: InterruptedError) => void,
  run: () => Promise<Result>,
): Promise<Result> {
  const interrupt = () => {
    if (listening === 0) end(new InterruptedError('interrupted: nothing was written by halves; run it again'));
  };
  for (const name of names) process.on(name, interrupt);
  try {
    return await run();
  } finally {
    for (const name of names) process.removeListener(name, interrupt);
  }
}

/**
 * Runs work that Ctrl-C or a request to end (SIGTERM) stops in order: the notice goes to stderr, and the signal aborts with
 * an InterruptedError, for work that throws what it is aborted with. A second Ctrl-C ends the process at once.
 * @param notice what happens then: "stopping after this step; a checkpoint is being written"
 */
export async function interruptible<Result>(
  notice: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  let released = false;
  const release = () => {
    if (!released) listening--;
    released = true;
    for (const name of names) process.removeListener(name, interrupt);
  };
  const interrupt = () => {
    // Without this listener the next signal ends the process.
    release();
    process.stderr.write(`\n${notice}\n`);
    stop.abort(new InterruptedError(`interrupted: ${notice}`));
  };
  listening++;
  for (const name of names) process.on(name, interrupt);
  try {
    return await work(stop.signal);
  } finally {
    release();
  }
}

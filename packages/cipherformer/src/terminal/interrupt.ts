import { CipherformerError } from '@cipherformer/base';

/** Ctrl-C, or a request to end. */
export class InterruptedError extends CipherformerError {
  override readonly name = 'InterruptedError';
  override readonly code = 'interrupted';
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
  const names = ['SIGINT', 'SIGTERM'] as const;
  const release = () => {
    for (const name of names) process.removeListener(name, interrupt);
  };
  const interrupt = () => {
    // Without a listener the next signal ends the process.
    release();
    process.stderr.write(`\n${notice}\n`);
    stop.abort(new InterruptedError('interrupted'));
  };
  for (const name of names) process.on(name, interrupt);
  try {
    return await work(stop.signal);
  } finally {
    release();
  }
}

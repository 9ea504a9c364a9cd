/** Between two tries while the browser believes that there is no network. */
const betweenMs = 3000;

/**
 * Resolves when the browser has a network again: a laptop that was closed does not use up its attempts. What the browser
 * believes may be wrong, and workers are not always told of a change, so a service that answers counts for more.
 */
export async function untilOnline(service: string, signal: AbortSignal | undefined): Promise<void> {
  while (!navigator.onLine && !(await answers(service))) {
    await changeOrPause();
    signal?.throwIfAborted();
  }
}

function answers(service: string): Promise<boolean> {
  return fetch(`${service}/healthz`, { mode: 'no-cors', cache: 'no-store' }).then(
    () => true,
    () => false,
  );
}

function changeOrPause(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      removeEventListener('online', done);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, betweenMs);
    addEventListener('online', done);
  });
}

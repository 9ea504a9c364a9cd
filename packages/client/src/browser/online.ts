/** Resolves when the browser has a network, as far as it knows: a laptop that was closed does not use up its attempts. */
export function untilOnline(signal: AbortSignal | undefined): Promise<void> {
  if (navigator.onLine) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const done = () => {
      removeEventListener('online', online);
      signal?.removeEventListener('abort', stopped);
    };
    const online = () => {
      done();
      resolve();
    };
    const stopped = () => {
      done();
      reject(signal?.reason);
    };
    addEventListener('online', online);
    signal?.addEventListener('abort', stopped);
    if (signal?.aborted) stopped();
  });
}

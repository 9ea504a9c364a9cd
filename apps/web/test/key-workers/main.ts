// Parts of evaluation keys made by several workers at once, each its share, without sending any.
import type { Share } from './worker.ts';

/** A worker that has its kernels and its secret, and makes shares. */
interface Maker {
  make(share: Share): Promise<void>;
}

async function started(): Promise<Maker> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const heard = () =>
    new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => reject(new Error(event.message));
    });
  await heard();
  return {
    make(share) {
      const done = heard();
      worker.postMessage(share);
      return done;
    },
  };
}

let makers: Maker[] = [];

/** Seconds in which `workers` make the first `parts` parts of the keys of a bootstrap. */
async function makeKeys(workers: number, parts: number): Promise<number> {
  while (makers.length < workers) makers = [...makers, await started()];
  const began = performance.now();
  await Promise.all(makers.slice(0, workers).map((maker, share) => maker.make({ share, of: workers, parts })));
  return (performance.now() - began) / 1000;
}

Object.assign(globalThis, { makeKeys });

// The process in which `npm run check fuzz` reads. Argument: the file that says which case was begun last.
import { openSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { loadSource } from '../source.mjs';

const [{ readers }, { runBatch }, { heldSlabs }] = await loadSource(
  ...['readers', 'run', 'insecure'].map((name) => `test/fuzz/${name}.ts`),
);
const slabsBefore = heldSlabs();

const caseFile = openSync(process.argv[2], 'r+');
const starting = (number) => writeSync(caseFile, `${number}`.padEnd(16), 0);

async function answer({ list, memory, name, seed, from, count }) {
  if (list) return { readers: readers.map(({ name, share = 1 }) => ({ name, share })) };
  if (memory) {
    // What the first collection finds dead holds memory outside of the heap until it is finalised.
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await setTimeout(50);
    }
    return { rssMiB: process.memoryUsage().rss / 2 ** 20, slabsLeft: heldSlabs() - slabsBefore };
  }
  const reader = readers.find((one) => one.name === name);
  const { failures, ...result } = await runBatch(reader, seed, from, count, starting);
  return {
    ...result,
    failures: failures.map(({ bytes, ...failure }) => ({ ...failure, bytes: Buffer.from(bytes).toString('base64') })),
  };
}

// A parent that is gone takes no answer; it also ends this process where it can.
process.on('message', async (request) => process.send(await answer(request), () => {}));
process.on('disconnect', () => process.exit());

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeBytesDurably } from '@cipherformer/ckks/durable';
import type { Engine } from '../worker/engine.ts';
import { runWorker } from '../worker/main.ts';

// The worker of a service that is measured: it computes nothing, so that what is seen is the service. A request's first byte
// says how many tenths of a second it takes.

const engine: Engine = {
  loaded: [],
  forget() {},
  async verify() {
    return { ok: true };
  },
  async run({ request, result }, progress, signal) {
    const tenths = (await readFile(request))[0] ?? 0;
    for (let done = 0; done <= tenths; done++) {
      progress({ what: 'running', done, total: tenths });
      await sleep(done < tenths ? 100 : 0, undefined, { signal });
    }
    await writeBytesDurably(result, new Uint8Array(1000));
  },
};

runWorker(engine);

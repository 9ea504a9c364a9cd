// A question from end to end where a service and a worker share Redis and a bucket: real keys and a real run, on an insecure ring.
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWorker } from '../../../service/src/run/start.ts';
import { credentials, type Machine, startRedis, startS3 } from '../../../service/test/shared/machines.ts';
import { insecureCli as cli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';
import { png } from '../input/png.ts';
import { bundled, startInsecure } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'several-'));
const at = (name: string) => join(folder, name);
const pixels = Array.from({ length: 16 }, (_, i) => (i * 37) % 256);
let files: Awaited<ReturnType<typeof bundled>>;
let machines: Machine[];

beforeAll(async () => {
  Object.assign(process.env, credentials);
  files = await bundled();
  machines = [await startRedis(at('redis')), await startS3(at('s3'))];
  savePolynomialModel(at('model'), tinyModel(3));
  await writeProgram(at('model'), at('program'), {}, insecureParameters());
  writeFileSync(at('digit.png'), png(4, 4, 1, pixels));
});
afterAll(async () => {
  for (const machine of machines) await machine.stop();
  files.dispose();
  rmSync(folder, { recursive: true });
});

it('is answered as by the polynomial model in clear, and its keys serve the next one', async () => {
  const [redis, s3] = machines.map(({ port }) => port);
  const shared = { redis: `redis://127.0.0.1:${redis}`, bucket: 'tests', endpoint: `http://127.0.0.1:${s3}` };
  const folders = [at('program')];
  const { service } = await startInsecure(files.worker, { folders, data: at('service'), shared });
  const worker = await startWorker({
    ...{ folders, data: at('worker'), shared, security: { insecure: true }, notice: () => {} },
    spawnWorker: () => fork(files.worker),
  });
  try {
    const model = tinyModel(3);
    const clear = [...evaluate(model.graph, prepareInput(model, { pixels }))];
    const label = ['cat', 'dog', 'bird'][clear.indexOf(Math.max(...clear))];
    for (let asked = 0; asked < 2; asked++) {
      const { code, out } = await cli('query', service.url, '--keys', at('keys'), '--image', at('digit.png'));
      expect([code, out]).toEqual([0, `${label} (in range)\n`]);
    }
    // The service has nothing of it on its own disk, the worker the keys alone.
    expect(readdirSync(at('service/incoming'))).toEqual([]);
    expect(readdirSync(at('worker/cache/jobs'))).toEqual([]);
    expect(readdirSync(at('worker/cache/keysets'))).toHaveLength(1);
  } finally {
    await worker.close();
    await service.close();
  }
}, 120_000);

// A service of tests in a process of its own, so that it can be killed. Argument: options of startService as JSON.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startService } from '../../../packages/service/dist/run/start.js';

const { service } = await startService({
  ...JSON.parse(process.argv[2]),
  security: { insecure: true },
  notice: (text) => process.stderr.write(`${text}\n`),
  spawnWorker: () => fork(fileURLToPath(new URL('insecure-engine.mjs', import.meta.url))),
});
process.stdout.write(`${service.url}\n`);

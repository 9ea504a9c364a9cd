// A service of tests in a process of its own, so that it can be killed. Argument: options of startService as JSON.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bootstrapLiteral, longBootstrapChain, Parameters } from '@cipherformer/ckks';
import { startService } from '../../../packages/service/dist/run/start.js';

// As in the tests of the command line: N = 2^11, far below any security.
const parameters = Parameters.from(bootstrapLiteral({ ...longBootstrapChain, logN: 11 }), { insecure: true });

const { service } = await startService({
  ...JSON.parse(process.argv[2]),
  parameters,
  security: { insecure: true },
  notice: (text) => process.stderr.write(`${text}\n`),
  spawnWorker: () => fork(fileURLToPath(new URL('insecure-engine.mjs', import.meta.url))),
});
process.stdout.write(`${service.url}\n`);

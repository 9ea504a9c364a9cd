// The process in which `npm run check addon` times one addon, on one thread. Arguments: the addon, and milliseconds an operation.
// Prints milliseconds of processor time of a run, by build and operation.
import { createRequire } from 'node:module';
import { KernelBench } from '../../packages/cipherformer/dist/bench/kernel-cases.js';
import { Kernels } from '../../packages/ckks/dist/kernels/backend.js';
import { backendOf } from '../../packages/ckks/dist/kernels/native.js';

const [path, budgetMs] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path);
const logN = 14;

/** The least of several runs: what else the machine does only adds. */
function milliseconds(run) {
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + Number(budgetMs);
  do {
    const { user, system } = process.cpuUsage();
    run();
    const now = process.cpuUsage();
    least = Math.min(least, (now.user + now.system - user - system) / 1000);
  } while (performance.now() < end);
  return least;
}

const times = {};
for (const { name: build, missing } of addon.builds()) {
  if (missing.length > 0) continue;
  const kernels = new Kernels(backendOf(addon, build));
  kernels.threads = 1;
  const bench = new KernelBench(kernels, logN);
  for (const { name, run } of [...bench.limbCases(24), ...bench.callCases()]) {
    run();
    const key = `${build}.${name}`;
    times[key] = Math.min(times[key] ?? Number.POSITIVE_INFINITY, milliseconds(run));
  }
  bench[Symbol.dispose]();
}
process.stdout.write(`${JSON.stringify(times)}\n`);

// The process in which `npm run check addon` times addons against each other, on one thread. Arguments: milliseconds an operation,
// then the addons. Prints, for each addon, milliseconds of processor time of a run, by build and operation.
import { createRequire } from 'node:module';
import { KernelBench } from '../../packages/cipherformer/dist/bench/kernel-cases.js';
import { Kernels } from '../../packages/ckks/dist/kernels/backend.js';
import { backendOf } from '../../packages/ckks/dist/kernels/native.js';

const [budgetMs, ...paths] = process.argv.slice(2);
const logN = 14;

function milliseconds(run) {
  const { user, system } = process.cpuUsage();
  run();
  const now = process.cpuUsage();
  return (now.user + now.system - user - system) / 1000;
}

/** The least of several runs each, which take turns in both orders: what else the machine does only adds, and to all alike. */
function times(runs) {
  const least = runs.map(() => Number.POSITIVE_INFINITY);
  const order = runs.map((_, i) => i);
  const end = performance.now() + Number(budgetMs) * runs.length;
  do {
    for (const i of order) least[i] = Math.min(least[i], milliseconds(runs[i]));
    order.reverse();
  } while (performance.now() < end);
  return least;
}

const addons = paths.map((path) => createRequire(import.meta.url)(path));
const results = paths.map(() => ({}));
for (const { name: build, missing } of addons[0].builds()) {
  if (missing.length > 0) continue;
  const benches = addons.map((addon) => {
    const kernels = new Kernels(backendOf(addon, build));
    kernels.threads = 1;
    return new KernelBench(kernels, logN);
  });
  const cases = benches.map((bench) => [...bench.limbCases(24), ...bench.callCases()]);
  for (const [k, { name }] of cases[0].entries()) {
    const runs = cases.map((ofAddon) => ofAddon[k].run);
    for (const run of runs) run();
    const key = `${build}.${name}`;
    for (const [i, time] of times(runs).entries())
      results[i][key] = Math.min(results[i][key] ?? Number.POSITIVE_INFINITY, time);
  }
  for (const bench of benches) bench[Symbol.dispose]();
}
process.stdout.write(`${JSON.stringify(results)}\n`);

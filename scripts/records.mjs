// Checks that are run by hand, their records in docs/records, and what a record has to reach.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const checksFolder = join(root, 'scripts', 'checks');
export const recordsFolder = join(root, 'docs', 'records');
/** Where a check that was interrupted finds itself again; git ignores it. */
export const statesFolder = join(root, 'runs', 'checks');

export const checkNames = () =>
  readdirSync(checksFolder)
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => name.slice(0, -'.mjs'.length))
    .sort();

export const loadCheck = (name) => import(new URL(`checks/${name}.mjs`, import.meta.url).href);

export function missedTargets(figures, targets = {}) {
  return Object.entries(targets).flatMap(([name, { atMost, atLeast, equals }]) => {
    const value = figures[name];
    const miss = (limit) => [`${name} is ${JSON.stringify(value)}, the target is ${limit}`];
    // Written so that a figure that is missing or not a number misses.
    if (atMost !== undefined && !(typeof value === 'number' && value <= atMost)) return miss(`at most ${atMost}`);
    if (atLeast !== undefined && !(typeof value === 'number' && value >= atLeast)) return miss(`at least ${atLeast}`);
    if (equals !== undefined && value !== equals) return miss(JSON.stringify(equals));
    return [];
  });
}

export function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
  };
}

export function checkout() {
  const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  // Records are what checks write: those of other checks do not make the code another.
  const changes = git('status', '--porcelain', '--', '.', ':(exclude)docs/records');
  return { commit: git('rev-parse', 'HEAD'), dirty: changes !== '' };
}

// What the closed classes of docs/threat-model.md cost: keys, encryption and decryption against an earlier checkout.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const description =
  'processor time of keys, encryption and decryption against another checkout (--base <folder>, installed and built there)';

/** Of this checkout's time in the base's. */
const ratio = { atMost: 1.05 };
export const targets = {
  secretKey: ratio,
  publicKey: ratio,
  evaluationKey: ratio,
  programKeys: ratio,
  encryption: ratio,
  publicEncryption: ratio,
  decryption: ratio,
};

/** How often each is repeated for one figure. */
const times = {
  secretKey: 50,
  publicKey: 40,
  evaluationKey: 10,
  encryption: 50,
  publicEncryption: 25,
  decryption: 200,
  // Seconds each.
  programKeys: 1,
};
/** Each with a process of its own for both checkouts: where a process happens to put its memory and code is a part of its time. */
const rounds = 11;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const operations = fileURLToPath(new URL('../security-cost/operations.mjs', import.meta.url));
const model = 'models/mnist-vit-polynomial';

export async function check({ base, quick, log, resume }) {
  if (base === undefined || !existsSync(join(base, 'packages/ckks/dist/index.js')))
    throw new Error(
      'give a checkout to compare with, installed and built: git worktree add /tmp/base <commit>, npm ci there, then --base /tmp/base',
    );
  const done = resume.state ?? [];
  const wanted = quick ? 3 : rounds;
  const work = mkdtempSync(join(tmpdir(), 'security-cost-'));
  try {
    const checkouts = [resolve(base), root];
    const programs = [];
    for (const checkout of checkouts) programs.push(await compileIn(checkout, work));
    const common = requestOf(programs[0]);
    while (done.length < wanted) {
      const round = [];
      for (const i of done.length % 2 === 0 ? [0, 1] : [1, 0])
        round[i] = await measureIn(checkouts[i], programs[i], common, quick);
      done.push(round);
      resume.save(done);
      log(`round ${done.length} of ${wanted}: ${words(round)}`);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
  const names = Object.keys(done[0][0]);
  const columns = (pick) => Object.fromEntries(names.map((name) => [name, pick(name)]));
  const rounded = (x) => Number(x.toPrecision(4));
  const { stdout: commit } = await promisify(execFile)('git', ['-C', base, 'rev-parse', 'HEAD']);
  return {
    ...columns((name) => rounded(median(done.map(([before, now]) => now[name] / before[name])))),
    base: commit.trim(),
    rounds: done.length,
    cpuSeconds: columns((name) => [0, 1].map((i) => rounded(median(done.map((round) => round[i][name]))))),
    ratios: columns((name) => done.map(([before, now]) => rounded(now[name] / before[name]))),
  };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const words = ([before, now]) =>
  Object.keys(now)
    .map((name) => `${name} ${(now[name] / before[name]).toFixed(3)}`)
    .join(', ');

/** A program, made by the checkout itself. */
async function compileIn(checkout, work) {
  const program = join(mkdtempSync(join(work, 'program-')), 'program');
  const cli = join(checkout, 'packages/cipherformer/bin/cipherformer.js');
  await promisify(execFile)(process.execPath, [cli, 'compile', join(root, model), '--out', program]);
  return program;
}

/** Parameters and level of a request to the base's program: both checkouts are measured there, whatever chain they choose today. */
function requestOf(program) {
  const path = ['client/manifest.json', 'manifest.json'].map((file) => join(program, file)).find(existsSync);
  const { parameters, inputs } = JSON.parse(readFileSync(path, 'utf8'));
  return { parameters, level: inputs[0].level };
}

/** Seconds of processor time of each operation, in a new process of one checkout. */
async function measureIn(checkout, program, common, quick) {
  const env = { ...process.env, CIPHERFORMER_THREADS: '1' };
  const measured = Object.entries(times).filter(([name]) => !quick || name !== 'programKeys');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [operations, checkout, program, JSON.stringify({ times: Object.fromEntries(measured), ...common })],
    { env },
  );
  return JSON.parse(stdout);
}

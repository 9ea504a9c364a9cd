// What the closed classes of docs/threat-model.md cost: keys, encryption and decryption against an earlier checkout.
import { execFile, fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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

/** How often each is repeated for one figure, and how many figures a median is of. */
const plan = {
  secretKey: { times: 50, rounds: 11 },
  publicKey: { times: 40, rounds: 11 },
  evaluationKey: { times: 10, rounds: 11 },
  encryption: { times: 50, rounds: 11 },
  publicEncryption: { times: 25, rounds: 11 },
  decryption: { times: 200, rounds: 11 },
  // Tens of seconds each.
  programKeys: { times: 1, rounds: 3 },
};

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const operations = fileURLToPath(new URL('../security-cost/operations.mjs', import.meta.url));
const model = 'models/mnist-vit-polynomial';

export async function check({ base, quick, log, resume }) {
  if (base === undefined || !existsSync(join(base, 'packages/ckks/dist/index.js')))
    throw new Error(
      'give a checkout to compare with, installed and built: git worktree add /tmp/base <commit>, npm ci there, then --base /tmp/base',
    );
  const done = resume.state ?? {};
  const work = mkdtempSync(join(tmpdir(), 'security-cost-'));
  const measured = [];
  try {
    for (const checkout of [resolve(base), root]) measured.push(await Measured.start(checkout, work));
    for (const [operation, { times, rounds }] of Object.entries(plan)) {
      if (quick && operation === 'programKeys') continue;
      done[operation] ??= await compare(measured, operation, times, quick ? 3 : rounds);
      resume.save(done);
      const { ratio, seconds } = done[operation];
      log(`${operation}: ${seconds.map((s) => s.toPrecision(4)).join(' s, now ')} s, ratio ${ratio}`);
    }
  } finally {
    for (const one of measured) one.end();
    rmSync(work, { recursive: true });
  }
  const { stdout: commit } = await promisify(execFile)('git', ['-C', base, 'rev-parse', 'HEAD']);
  const columns = (pick) => Object.fromEntries(Object.entries(done).map(([name, value]) => [name, pick(value)]));
  return {
    ...columns(({ ratio }) => ratio),
    base: commit.trim(),
    cpuSeconds: columns(({ seconds }) => seconds.map((s) => Number(s.toPrecision(4)))),
  };
}

/** Medians of both checkouts, measured in turns. */
async function compare(measured, operation, times, rounds) {
  const figures = measured.map(() => []);
  for (const one of measured) await one.measure(operation, 1);
  for (let round = 0; round < rounds; round++)
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) figures[i].push(await measured[i].measure(operation, times));
  const seconds = figures.map(median);
  return { seconds, ratio: Number((seconds[1] / seconds[0]).toFixed(3)) };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** A process that measures the builds of one checkout, with a program that it compiled. */
class Measured {
  #child;

  static async start(checkout, work) {
    const program = mkdtempSync(join(work, 'program-'));
    const cli = join(checkout, 'packages/cipherformer/bin/cipherformer.js');
    const args = [cli, 'compile', join(root, model), '--out', join(program, 'program')];
    await promisify(execFile)(process.execPath, args);
    const one = new Measured();
    const env = { ...process.env, CIPHERFORMER_THREADS: '1' };
    one.#child = fork(operations, [checkout, join(program, 'program')], { env });
    await one.#answer();
    return one;
  }

  /** Seconds of processor time, each time. */
  measure(operation, times) {
    const answer = this.#answer();
    this.#child.send({ operation, times });
    return answer;
  }

  #answer() {
    return new Promise((accept, reject) => {
      const ended = (code) => reject(new Error(`the process that measures ended (exit code ${code})`));
      this.#child.once('exit', ended);
      this.#child.once('message', (answer) => {
        this.#child.off('exit', ended);
        accept(answer);
      });
    });
  }

  end() {
    this.#child.removeAllListeners();
    this.#child.kill();
  }
}

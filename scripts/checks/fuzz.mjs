// Millions of changed objects, read by every reader of bytes from strangers (test/fuzz/readers.ts).
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { statesFolder } from '../records.mjs';

export const description =
  'changed objects through every reader of foreign bytes: typed errors only, in bounded time and memory';

export const targets = {
  cases: { atLeast: 2_000_000 },
  failures: { equals: 0 },
  slowestSeconds: { atMost: 5 },
  /** Of resident memory, after the first rounds of a process. */
  growthMiB: { atMost: 64 },
  slabsLeft: { equals: 0 },
};

const casesInAll = 2_000_000;
const quickCases = 50_000;
const rounds = 50;
/** No case may keep a process silent for longer (wall clock: others may be using the machine). */
const silenceSeconds = 60;
/** Rounds of a process before its memory counts as settled. */
const settledRounds = 3;
/** Failures that are kept and shown; all are counted. */
const shownFailures = 100;

const worker = fileURLToPath(new URL('../fuzz/worker.mjs', import.meta.url));
const folder = join(statesFolder, 'fuzz');
const caseFile = join(folder, 'case');

/** A process that reads: it may crash or hang, and takes its memory along when it ends. */
class Reading {
  #child = fork(worker, [caseFile], { execArgv: ['--expose-gc', '--max-old-space-size=1024'] });
  #kill = () => this.#child.kill('SIGKILL');

  constructor() {
    // Ctrl-C, too: a reader that hangs would go on by itself.
    process.once('exit', this.#kill);
  }

  /** Sends a request; resolves to the answer, or to what ended the process. */
  ask(request) {
    const child = this.#child;
    return new Promise((resolve) => {
      let last = '';
      let since = performance.now();
      const watch = setInterval(() => {
        const now = readFileSync(caseFile, 'latin1');
        if (now !== last) since = performance.now();
        last = now;
        if (performance.now() - since > 1000 * silenceSeconds) done({ ended: `no answer within ${silenceSeconds} s` });
      }, 1000);
      const done = (answer) => {
        clearInterval(watch);
        child.off('message', done);
        child.off('exit', exited);
        if (answer.ended) child.kill('SIGKILL');
        resolve(answer);
      };
      const exited = (code, signal) => done({ ended: `the process ended (${signal ?? `exit code ${code}`})` });
      child.once('message', done);
      child.once('exit', exited);
      if (child.exitCode !== null || child.signalCode !== null) exited(child.exitCode, child.signalCode);
      else child.send(request);
    });
  }

  /** The case that was begun last. */
  get lastCase() {
    return Number(readFileSync(caseFile, 'latin1'));
  }

  end() {
    process.off('exit', this.#kill);
    this.#child.removeAllListeners();
    this.#kill();
  }
}

export async function check({ seed, quick, log, resume }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(caseFile, '0');
  const total = quick ? quickCases : casesInAll;
  const state = resume.state ?? {
    round: 0,
    readers: {},
    failures: 0,
    failed: [],
    slowestSeconds: 0,
    growthMiB: 0,
    slabsLeft: 0,
  };
  let reading;
  let settled;
  let roundsOfProcess = 0;

  const begin = async () => {
    reading?.end();
    reading = new Reading();
    roundsOfProcess = 0;
    const answer = await reading.ask({ list: true });
    if (answer.ended) throw new Error(`the readers cannot be loaded: ${answer.ended}`);
    return answer.readers;
  };
  const fail = (reader, number, what, bytes) => {
    state.failures += 1;
    if (state.failed.length >= shownFailures) return;
    const name = `${reader.replaceAll(/\W+/g, '-')}-${seed}-${number}.bin`;
    if (bytes) writeFileSync(join(folder, name), Buffer.from(bytes, 'base64'));
    state.failed.push({ reader, number, what });
    log(`${reader}, case ${number}: ${what}${bytes ? ` (runs/checks/fuzz/${name})` : ''}`);
  };

  const readers = await begin();
  const shares = readers.reduce((sum, { share }) => sum + share, 0);
  try {
    for (; state.round < rounds; state.round++) {
      for (const { name, share } of readers) {
        state.readers[name] ??= { accepted: 0, refused: 0 };
        const counts = state.readers[name];
        const perRound = Math.max(1, Math.ceil((total * share) / shares / rounds));
        for (let from = state.round * perRound, end = from + perRound; from < end; ) {
          const answer = await reading.ask({ name, seed, from, count: end - from });
          if (answer.ended) {
            // What is before that case was read without a word about it: read again, then on behind it.
            const number = reading.lastCase;
            fail(name, number, answer.ended);
            await begin();
            const before = await reading.ask({ name, seed, from, count: number - from });
            if (!before.ended) count(counts, before);
            from = number + 1;
            continue;
          }
          count(counts, answer);
          from = end;
        }
      }
      await measure();
      resume.save({ ...state, round: state.round + 1 });
      log(
        `round ${state.round + 1} of ${rounds}, ${state.failures} failures, ${state.growthMiB.toFixed(0)} MiB of growth`,
      );
    }
  } finally {
    reading.end();
  }

  function count(counts, { accepted, refused, slowestSeconds, failures }) {
    counts.accepted += accepted;
    counts.refused += refused;
    state.slowestSeconds = Math.max(state.slowestSeconds, slowestSeconds);
    for (const { reader, number, what, bytes } of failures) fail(reader, number, what, bytes);
  }

  async function measure() {
    const { rssMiB, slabsLeft } = await reading.ask({ memory: true });
    roundsOfProcess += 1;
    if (roundsOfProcess === settledRounds) settled = rssMiB;
    if (roundsOfProcess > settledRounds) state.growthMiB = Math.max(state.growthMiB, rssMiB - settled);
    state.slabsLeft = Math.max(state.slabsLeft, slabsLeft);
  }

  const all = Object.values(state.readers);
  const sum = (field) => all.reduce((total, counts) => total + counts[field], 0);
  return {
    cases: sum('accepted') + sum('refused'),
    readers: all.length,
    accepted: sum('accepted'),
    refused: sum('refused'),
    failures: state.failures,
    failed: state.failed.map(({ reader, number, what }) => `${reader}, case ${number}: ${what}`),
    slowestSeconds: Number(state.slowestSeconds.toFixed(2)),
    growthMiB: Math.round(state.growthMiB),
    slabsLeft: state.slabsLeft,
    acceptedAndRefused: Object.fromEntries(
      Object.entries(state.readers).map(([name, { accepted, refused }]) => [name, [accepted, refused]]),
    ),
  };
}

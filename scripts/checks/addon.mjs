// The addon that is packed for this platform against the one that was built here: as fast, the same results, for older systems.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileDriver, findCompiler } from '../../packages/ckks/scripts/native-build.mjs';
import { glibcLimit, glibcVersions } from '../../packages/ckks/scripts/old-glibc.mjs';
import { packedAddon } from '../../packages/ckks/scripts/packed-addons.mjs';
import { sameArithmetic } from '../addon/instructions.mjs';

export const description =
  'the packed native kernels against those built here: processor time, results, refused memory, the glibc that they need';

export const targets = {
  /** Median over all operations and builds, and of the key switches, the most expensive of them. */
  time: { atMost: 1.05 },
  keySwitch: { atMost: 1.05 },
  sameResults: { equals: true },
  /** Fewer than of an addon whose runtime library the driver can stand in for: this one keeps its own. */
  refusals: { atLeast: 200 },
  glibc: { atMost: glibcLimit[1] },
};

const run = promisify(execFile);
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const operations = fileURLToPath(new URL('../addon/operations.mjs', import.meta.url));
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const rounded = (x) => Number(x.toPrecision(4));

/** Digests of the results of every build, and the requests for memory that were refused without harm (test/native/driver.cpp). */
async function drive(addon, work, builds) {
  const copy = join(work, 'kernels.node');
  copyFileSync(addon, copy);
  const driver = join(work, 'driver');
  await compileDriver(findCompiler(), copy, driver);
  const digests = [];
  let refusals = 0;
  for (const build of builds) {
    digests.push((await run(driver, ['answers', build])).stdout.trim());
    refusals += Number(/^(\d+) refusals$/m.exec((await run(driver, ['faults', build])).stdout)[1]);
  }
  return { digests, refusals };
}

export async function check({ quick, log, resume }) {
  const built = join(root, 'packages/ckks/build/kernels.node');
  if (!existsSync(built)) throw new Error('there are no native kernels to compare with: npm run build');
  const packed = await packedAddon(`${process.platform}-${process.arch}-gnu`);
  // The built one twice: what two copies of the same code differ by is what this machine cannot tell.
  const work = mkdtempSync(join(tmpdir(), 'cipherformer-addon-'));
  const twin = join(work, 'twin.node');
  copyFileSync(built, twin);
  const rounds = resume.state ?? [];
  while (rounds.length < (quick ? 1 : 15)) {
    // Fresh processes, and in each the addons take turns; who is loaded first changes from round to round.
    const order = [0, 1, 2].map((i) => (i + rounds.length) % 3);
    const paths = order.map((i) => [built, packed, twin][i]);
    const { stdout } = await run(process.execPath, [operations, quick ? '5' : '30', ...paths]);
    const results = JSON.parse(stdout);
    rounds.push([0, 1, 2].map((i) => results[order.indexOf(i)]));
    resume.save(rounds);
    log(`round ${rounds.length}`);
  }
  const names = Object.keys(rounds[0][0]);
  /** By operation: the median over the rounds of an addon's time against the built one's. */
  const ratiosOf = (i) =>
    Object.fromEntries(
      names.map((name) => [name, rounded(median(rounds.map((round) => round[i][name] / round[0][name])))]),
    );
  const [ratios, twins] = [ratiosOf(1), ratiosOf(2)];
  const builds = [...new Set(names.map((name) => name.split('.')[0]))];
  try {
    const here = await drive(built, work, builds);
    const there = await drive(packed, work, builds);
    return {
      time: median(Object.values(ratios)),
      timeOfTwin: median(Object.values(twins)),
      sameArithmetic: rounded(await sameArithmetic(built, packed)),
      keySwitch: median(names.filter((name) => /\.keySwitch$/.test(name)).map((name) => ratios[name])),
      sameResults: new Set([...here.digests, ...there.digests]).size === 1,
      refusals: there.refusals,
      glibc: Math.max(...glibcVersions(packed).map(([, minor]) => minor)),
      ratios,
      twins,
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

// The native kernels under sanitizers: addresses and undefined behaviour (driver and tests), threads (driver), and valgrind
// for branches on secrets. Each build of the addon that this processor runs.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon, compileDriver, findCompiler } from '../../packages/ckks/scripts/native-build.mjs';

export const description =
  'native kernels under address, undefined-behaviour and thread sanitizers, and under valgrind for branches on secrets';

export const targets = {
  findings: { equals: 0 },
  secretBranches: { equals: 0 },
  sameResults: { equals: true },
  driverRuns: { atLeast: 10 },
  refusals: { atLeast: 2000 },
  tests: { atLeast: 100 },
};

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const packageDir = join(root, 'packages', 'ckks');
const work = join(root, 'runs', 'checks', 'sanitizers');

/**
 * What "undefined" looks for. Not null, object-size and pointer-overflow: on every capture of the kernels' lambdas they
 * multiply the compiler's time, and the address sanitizer sees what comes of them.
 */
const undefinedBehaviour =
  'shift,integer-divide-by-zero,signed-integer-overflow,bounds,alignment,bool,enum,return,unreachable,builtin,float-cast-overflow';

/** Flags of each kind of addon. Findings do not stop a run, so that all of them are counted. */
const kinds = {
  plain: [],
  address: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address'],
  undefined: ['-O1', '-g', `-fsanitize=${undefinedBehaviour}`],
  thread: ['-O1', '-g', '-fsanitize=thread'],
};

/** What a sanitizer says of a finding, at the start of its report. */
const finding = /ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: /g;

/** Tests of the kernels that start no processes of their own. */
const testFiles = [
  ...['basis', 'encoding', 'errors', 'galois', 'keyswitch', 'known-answers', 'ntt', 'operations'],
  ...['packing', 'pointwise', 'threads'],
]
  .map((name) => `kernels/${name}.test.ts`)
  .concat(['keydigit', 'keystream', 'samplers'].map((name) => `sampling/${name}.test.ts`));
/** All but those that look at memory which is given out again: under an address sanitizer none is. */
const testNames = '^(?!.*(that hold secrets|reuse what was released|erases the coefficients))';

/** Runs a program to its end, however that may be. */
function run(program, args, { env = {}, cwd = root } = {}) {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ stdout, stderr, output: stdout + stderr, status: error ? (error.code ?? 1) : 0 }),
    );
  });
}

async function makeDriver(kind) {
  const found = findCompiler();
  if (!found) throw new Error('there is no C++ compiler: this check needs g++ with its sanitizers');
  const folder = join(work, kind);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const flags = kinds[kind];
  const addon = join(folder, 'kernels.node');
  const builds = await compileAddon(found, addon, { flags, staticRuntime: kind === 'plain' });
  await compileDriver(found, addon, join(folder, 'driver'), { flags });
  return { builds, addon, driver: join(folder, 'driver'), compiler: found };
}

/** Collects what all runs found. */
class Findings {
  constructor(log) {
    this.log = log;
    this.count = 0;
  }

  /** Looks at one run; a run that failed without a word of a sanitizer is a finding too. */
  take(what, { output, status }) {
    const found = output.match(finding)?.length ?? 0;
    this.count += Math.max(found, status === 0 ? 0 : 1);
    if (found > 0 || status !== 0) this.log(`${what}: status ${status}, ${found} findings\n${output.slice(-6000)}`);
    else this.log(`${what}: nothing found`);
  }
}

const sanitizerOptions = {
  ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=0:second_deadlock_stack=1',
};

/** Modes of the driver under one kind of addon, for every build: its digests and what it counted. */
async function drive(kind, modes, builds, made, log) {
  const findings = new Findings(log);
  const figures = { driverRuns: 0, refusals: 0, digests: [] };
  for (const mode of modes)
    for (const build of builds) {
      const result = await run(made.driver, [mode, build], { env: sanitizerOptions });
      findings.take(`${kind}: driver ${mode} ${build}`, result);
      figures.driverRuns += 1;
      figures.refusals += Number(/^(\d+) refusals$/m.exec(result.stdout)?.[1] ?? 0);
      const digest = /^([0-9a-f]{16})$/m.exec(result.stdout)?.[1];
      if (digest) figures.digests.push(digest);
    }
  return { ...figures, findings: findings.count };
}

/** The kernels' own tests on a sanitized addon, in a copy of the package. */
async function runTests(kind, seed, { addon, compiler }, log) {
  const copy = join(work, 'package');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(join(copy, 'build'), { recursive: true });
  for (const folder of ['src', 'test', 'native', 'scripts'])
    cpSync(join(packageDir, folder), join(copy, folder), { recursive: true });
  cpSync(join(packageDir, 'package.json'), join(copy, 'package.json'));
  symlinkSync(addon, join(copy, 'build', 'kernels.node'));
  writeFileSync(join(copy, 'seed.ts'), `import fc from 'fast-check';\nfc.configureGlobal({ seed: ${seed | 0} });\n`);
  writeFileSync(
    join(copy, 'vitest.config.ts'),
    "export default { test: { include: ['test/**/*.test.ts'], setupFiles: ['seed.ts'], testTimeout: 1_200_000, pool: 'forks', maxWorkers: 1 } };\n",
  );
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--root', copy, '--reporter=json', '-t', testNames, ...testFiles];
  const env = { ...sanitizerOptions, CIPHERFORMER_TEST_BUILDS: 'ifma,fma,scalar' };
  if (kind === 'address') {
    env.LD_PRELOAD = (await run(compiler.compiler, ['-print-file-name=libasan.so'])).stdout.trim();
    // The engine's own leaks and allocators are not ours to find fault with; it handles segmentation faults itself.
    env.ASAN_OPTIONS = 'detect_leaks=0:allocator_may_return_null=1:alloc_dealloc_mismatch=0:handle_segv=0';
  }
  const { status, stdout, stderr } = await run(process.execPath, args, { env, cwd: copy });
  const report = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '{}');
  const failures = (report.testResults ?? [])
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === 'failed')
    .map((test) => `${test.fullName}: ${test.failureMessages.join(' ').slice(0, 1000)}\n`);
  const findings = new Findings(log);
  findings.take(`${kind}: tests of the kernels`, { status, output: failures.join('') + stderr });
  return { tests: report.numPassedTests ?? 0, failedTests: report.numFailedTests ?? 0, findings: findings.count };
}

const byDesign = join(packageDir, 'test', 'native', 'by-design.supp');

/** Branches and addresses that depend on secrets; valgrind knows no AVX-512. */
async function secretBranches(made, builds, log) {
  if ((await run('valgrind', ['--version'])).status !== 0) {
    log('valgrind is not installed: branches are not looked at');
    return { secretBranches: undefined };
  }
  let count = 0;
  for (const build of builds.filter((name) => name !== 'ifma')) {
    const { output, stdout } = await run('valgrind', [
      '--error-limit=no',
      `--suppressions=${byDesign}`,
      made.driver,
      'branches',
      build,
    ]);
    const branches = Number(/^(\d+) branches$/m.exec(stdout)?.[1] ?? Number.NaN);
    count += branches;
    log(
      `valgrind ${build}: ${branches} branches or addresses depend on secrets${branches > 0 ? `\n${output.slice(0, 6000)}` : ''}`,
    );
  }
  return { secretBranches: count };
}

/** Builds that this processor runs. */
async function runnable(builds) {
  const { nativeBuilds } = await import('../../packages/ckks/dist/kernels/native.js');
  const missing = nativeBuilds().filter((build) => build.missing.length > 0);
  return builds.filter((name) => !missing.some((build) => build.name === name));
}

async function driveAndTest(kind, { seed, quick, log }) {
  const made = await makeDriver(kind);
  const modes = quick ? ['answers'] : ['answers', 'faults'];
  const driven = await drive(kind, modes, await runnable(made.builds), made, log);
  if (quick) return driven;
  const tested = await runTests(kind, seed, made, log);
  return { ...driven, ...tested, findings: driven.findings + tested.findings };
}

/** Each piece by name; a run that was interrupted goes on after the last one that was finished. */
const pieces = {
  async plain({ log }) {
    const made = await makeDriver('plain');
    const builds = await runnable(made.builds);
    return {
      ...(await drive('plain', ['answers', 'end'], builds, made, log)),
      ...(await secretBranches(made, builds, log)),
    };
  },
  address: (options) => driveAndTest('address', options),
  undefined: (options) => driveAndTest('undefined', options),
  async thread({ log }) {
    const made = await makeDriver('thread');
    return drive('thread', ['answers', 'threads'], await runnable(made.builds), made, log);
  },
};

export async function check({ seed, quick, log, resume }) {
  const done = { ...resume.state };
  for (const [name, piece] of Object.entries(pieces)) {
    done[name] ??= await piece({ seed, quick, log });
    resume.save(done);
  }
  const parts = Object.values(done);
  const sum = (figure) => parts.reduce((total, part) => total + (part[figure] ?? 0), 0);
  const digests = new Set(parts.flatMap((part) => part.digests));
  return {
    findings: sum('findings'),
    driverRuns: sum('driverRuns'),
    refusals: sum('refusals'),
    tests: sum('tests'),
    failedTests: sum('failedTests'),
    secretBranches: done.plain.secretBranches,
    sameResults: digests.size === 1,
    digest: [...digests].join(' '),
  };
}

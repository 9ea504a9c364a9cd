// Compiles the native addon: one object for each instruction set, and one that asks the processor which of them it can run.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkGlibc, makeOldPthread } from './old-glibc.mjs';

const run = promisify(execFile);
export const nativeDir = join(dirname(dirname(fileURLToPath(import.meta.url))), 'native');

/** Flags of every kernel source, WebAssembly included. */
export const commonFlags = [
  '-std=c++20',
  '-O3',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-Wall',
  '-Wextra',
];
/** Sources that every build shares. */
export const sharedSources = ['modulus.cpp', 'memory.cpp', 'pool.cpp'];
const nativeSources = [...sharedSources, 'environment.cpp'];

const x86Builds = [
  {
    name: 'ifma',
    flags: [
      '-DCF_IFMA',
      '-mavx2',
      '-mfma',
      '-mbmi2',
      '-maes',
      '-mavx512f',
      '-mavx512dq',
      '-mavx512bw',
      '-mavx512vl',
      '-mavx512ifma',
      '-mavx512vbmi',
      '-mvaes',
      '-mprefer-vector-width=512',
    ],
  },
  { name: 'fma', flags: ['-DCF_FMA', '-mavx2', '-mfma', '-mbmi2', '-maes'] },
];
const scalarBuild = { name: 'scalar', flags: [] };

/**
 * The first of these C++ compilers that answers, and its version, or undefined.
 * @param candidates default: CXX, or c++, g++, clang++
 */
export function findCompiler(candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']) {
  for (const compiler of candidates) {
    try {
      const version = execFileSync(compiler, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .split('\n')[0];
      return { compiler, version };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/**
 * Compiles and links the addon to `target`; throws what the compiler says when it fails.
 * @param found what findCompiler returned
 * @param options.flags more flags for every source (and the linker)
 * @param options.staticRuntime link the C++ runtime into the addon, so that it runs where there is none (default)
 * @param options.arch what it is for, as `process.arch` has it (default: this one)
 * @param options.oldGlibc link for older systems too (old-glibc.mjs); g++ and Linux only
 * @returns the names of the builds in it, fastest first
 */
export async function compileAddon(
  found,
  target,
  { flags = [], staticRuntime = true, arch = process.arch, oldGlibc = false } = {},
) {
  const { include_dir: nodeApiHeaders } = await import('node-api-headers');
  const x86 = arch === 'x64';
  // Left to itself g++ keeps the written order of the transforms' long blocks: scheduling them is worth 3 to 10 %.
  const scheduling = /clang/i.test(found.version) ? [] : ['-fschedule-insns', '-fsched-pressure'];
  const builds = [...(x86 ? x86Builds : []), scalarBuild];
  mkdirSync(dirname(target), { recursive: true });
  // Objects go to a private folder and the addon is renamed into place: an interrupted build leaves nothing half-made.
  const work = mkdtempSync(join(dirname(target), 'native-'));
  try {
    const compile = async (source, object, more) => {
      const output = join(work, object);
      const options = [...commonFlags, ...scheduling, ...flags, '-I', nativeDir, '-fPIC', ...more];
      await run(found.compiler, [...options, '-c', join(nativeDir, source), '-o', output], { maxBuffer: 1 << 26 });
      return output;
    };
    // Portable objects first: of an inline function that several objects hold, the linker keeps the first copy, and that
    // must not be the one with AVX-512 instructions.
    const objects = await Promise.all([
      compile('native.cpp', 'native.o', ['-I', nodeApiHeaders, ...(x86 ? ['-DCF_WITH_X86'] : [])]),
      ...[...nativeSources, ...(oldGlibc ? ['old_glibc.cpp'] : [])].map((source) => compile(source, `${source}.o`, [])),
      ...builds
        .toReversed()
        .map((b) => compile('kernels.cpp', `kernels-${b.name}.o`, [`-DCF_BUILD=${b.name}`, ...b.flags])),
    ]);
    const addon = join(work, 'kernels.node');
    const link =
      process.platform === 'darwin'
        ? ['-bundle', '-undefined', 'dynamic_lookup']
        : ['-shared', '-pthread', ...(staticRuntime ? ['-static-libstdc++', '-static-libgcc'] : [])];
    const compiler = (args) => run(found.compiler, args);
    const libraries = oldGlibc ? [await makeOldPthread(compiler, work, arch), '-Wl,--exclude-libs,ALL', '-s'] : [];
    await compiler([...link, ...flags, ...objects, ...libraries, '-o', addon]);
    if (oldGlibc) checkGlibc(addon);
    renameSync(addon, target);
    return builds.map((b) => b.name);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Compiles test/native/driver.cpp against a built addon to `target`; see there for what it does. */
export async function compileDriver(found, addon, target, { flags = [] } = {}) {
  const source = join(dirname(nativeDir), 'test', 'native', 'driver.cpp');
  const options = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-I', nativeDir, '-I', dirname(source), ...flags];
  // The addon's own imports are the JavaScript engine's, which the driver never calls. What the driver defines, the addon
  // is to use.
  const link = ['-rdynamic', '-pthread', '-ldl', '-Wl,--unresolved-symbols=ignore-in-shared-libs', '-Wl,-z,lazy'];
  await run(found.compiler, [...options, source, addon, ...link, `-Wl,-rpath,${dirname(addon)}`, '-o', target]);
}

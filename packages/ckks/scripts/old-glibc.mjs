// Links an addon on a current system so that it loads on one with glibc 2.28 (Debian 10, RHEL 8, Ubuntu 20.04): the thread
// functions by the names that they had before they moved into libc, and native/old_glibc.cpp for what is newer altogether.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The newest version of a symbol that a packed addon may need. */
export const glibcLimit = [2, 28];

/** Versions that all symbols of the first glibc of an architecture have. */
const firstVersions = { x64: 'GLIBC_2.2.5', arm64: 'GLIBC_2.17' };

/** Functions that glibc 2.34 moved from libpthread to libc under a new version. */
const moved = [
  ...[
    'create',
    'detach',
    'getspecific',
    'join',
    'key_create',
    'key_delete',
    'mutex_trylock',
    'once',
    'setspecific',
  ].map((name) => `pthread_${name}`),
  '__pthread_key_create',
];

/**
 * A library to link with in place of libpthread: it has the old versions only, and at run time any glibc answers for it.
 * @param link runs the compiler with these arguments
 * @param work a folder of its own
 */
export async function makeOldPthread(link, work, arch) {
  const source = join(work, 'pthread.c');
  const versions = join(work, 'pthread.map');
  const library = join(work, 'libpthread.so.0');
  writeFileSync(source, moved.map((name) => `void ${name}(void) {}\n`).join(''));
  writeFileSync(versions, `${firstVersions[arch]} { global: *; };\n`);
  const options = ['-x', 'c', '-fno-builtin', '-fPIC', '-shared', '-nostdlib', '-Wl,-soname,libpthread.so.0'];
  await link([...options, `-Wl,--version-script=${versions}`, source, '-o', library]);
  return library;
}

/** Versions of glibc that a library names as needed, oldest first: [2, 17], ... */
export function glibcVersions(file) {
  const names = new Set(readFileSync(file, 'latin1').match(/(?<=\0)GLIBC_\d+(\.\d+)+(?=\0)/g));
  return [...names]
    .map((name) => name.slice('GLIBC_'.length).split('.').map(Number))
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

/** @throws where it needs a newer glibc than `glibcLimit` */
export function checkGlibc(file) {
  const newer = glibcVersions(file).filter(
    ([major, minor]) => major > glibcLimit[0] || (major === 2 && minor > glibcLimit[1]),
  );
  if (newer.length > 0)
    throw new Error(
      `${file} needs glibc ${newer.map((version) => version.join('.')).join(', ')}: ` +
        'objdump -T names the symbols; add them to native/old_glibc.cpp or to the moved functions of scripts/old-glibc.mjs',
    );
}

// What a page loads before it can ask: the client with its worker, without what only some programs need, and one kernel build.
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';

/** Of scripts, gzipped. */
const mostScriptBytes = 80_000;
/** Of one kernel build, by brotli, which servers send. */
const mostKernelBytes = 80_000;

const root = join(import.meta.dirname, '../..');

/** The files of the bundle, as they lie in the tarball: scripts as text. */
async function bundled(): Promise<Map<string, string | Uint8Array>> {
  const { output } = (await build({
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'error',
    build: { write: false },
  })) as Rolldown.RolldownOutput;
  return new Map(output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]));
}

const textOf = (source: string | Uint8Array) =>
  typeof source === 'string' ? source : new TextDecoder().decode(source);

/** A script and all that it imports at once. */
function loadedAtOnce(files: ReadonlyMap<string, string | Uint8Array>, entry: string): Set<string> {
  const found = new Set([entry]);
  // The set grows while it is walked.
  for (const name of found)
    for (const [, , path] of textOf(files.get(name)!).matchAll(/\b(from|import)\s*"(\.[^"]+)"/g))
      found.add(join(name, '..', path!));
  return found;
}

it('is at most 80 kB of scripts and a kernel build', async () => {
  const files = await bundled();
  const worker = [...files.keys()].find((name) => /^assets\/worker-[\w-]+\.js$/.test(name))!;
  const scripts = [...loadedAtOnce(files, 'client.js'), ...loadedAtOnce(files, worker)];
  const bytes = scripts.reduce((sum, name) => sum + gzipSync(textOf(files.get(name)!), { level: 9 }).length, 0);
  expect(scripts.length).toBeGreaterThan(4);
  expect(bytes).toBeGreaterThan(40_000);
  expect(bytes).toBeLessThanOrEqual(mostScriptBytes);
  // Decoders and tokenizers are there, and not loaded at once.
  const lazy = [...files.keys()].filter((name) => name.endsWith('.js') && !scripts.includes(name));
  expect(lazy.map((name) => /(\w+)-/.exec(name)![1])).toEqual(expect.arrayContaining(['decode', 'tokenizer']));
  const kernels = [...files].filter(([name]) => /kernels.*\.wasm$/.test(name));
  expect(kernels).toHaveLength(2);
  for (const [, source] of kernels) expect(brotliCompressSync(source).length).toBeLessThanOrEqual(mostKernelBytes);
}, 60_000);

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

async function bundled(entry: string): Promise<Rolldown.RolldownOutput['output']> {
  const { output } = (await build({
    configFile: join(root, 'vite.config.ts'),
    logLevel: 'error',
    build: { write: false, rollupOptions: { input: join(root, 'src', entry) } },
  })) as Rolldown.RolldownOutput;
  return output;
}

/** The entry and all that it imports at once. */
function loadedAtOnce(output: Rolldown.RolldownOutput['output']): Rolldown.OutputChunk[] {
  const chunks = new Map(output.flatMap((one) => (one.type === 'chunk' ? [[one.fileName, one] as const] : [])));
  const found = new Set([output[0]]);
  // The set grows while it is walked.
  for (const { imports } of found) for (const name of imports) found.add(chunks.get(name)!);
  return [...found];
}

it('is at most 80 kB of scripts and a kernel build', async () => {
  const page = loadedAtOnce(await bundled('browser.ts'));
  const worker = await bundled('browser/worker.ts');
  const scripts = [...page, ...loadedAtOnce(worker)];
  const bytes = scripts.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
  expect(bytes).toBeGreaterThan(40_000);
  expect(bytes).toBeLessThanOrEqual(mostScriptBytes);
  // Decoders and tokenizers are there, and not loaded at once.
  const lazy = worker.filter((one) => one.type === 'chunk' && !scripts.includes(one));
  expect(lazy.map(({ fileName }) => /(\w+)-/.exec(fileName)![1])).toEqual(expect.arrayContaining(['decode', 'jpeg', 'tokenizer']));
  const kernels = worker.filter(({ fileName }) => /kernels.*\.wasm$/.test(fileName)) as Rolldown.OutputAsset[];
  expect(kernels).toHaveLength(2);
  for (const { source } of kernels) expect(brotliCompressSync(source).length).toBeLessThanOrEqual(mostKernelBytes);
}, 60_000); // biome-ignore format: one line

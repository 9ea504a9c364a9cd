import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';

/** What has native code, or is large: found where it is installed. */
const external = ['libsql', 'prom-client', 'bullmq', 'ioredis', '@aws-sdk/client-s3'];

/** Sources of a folder as files that Node runs: a worker, a server. Bundled once, removed at the end; kernels are found where they are. */
export async function bundleOf(
  folder: string,
  names: readonly string[],
): Promise<{ path(name: string): string; dispose(): void }> {
  const root = mkdtempSync(join(tmpdir(), 'service-bundle-'));
  symlinkSync(join(import.meta.dirname, '../../ckks/build'), join(root, 'build'));
  symlinkSync(join(import.meta.dirname, '../../../node_modules'), join(root, 'node_modules'));
  const outDir = join(root, 'bundle/files');
  await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@cipherformer/source'] },
    ssr: {
      noExternal: true,
      external,
      resolve: { conditions: ['@cipherformer/source', 'node', 'import', 'default'] },
    },
    build: {
      ssr: true,
      outDir,
      minify: false,
      target: 'node20',
      rolldownOptions: {
        input: Object.fromEntries(names.map((name) => [name, join(folder, `${name}.ts`)])),
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
      },
    },
  });
  return { path: (name) => join(outDir, `${name}.mjs`), dispose: () => rmSync(root, { recursive: true }) };
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Tests compare what people read: the same plain words on a terminal, in a pipe and where CI asks for colours.
// (Both variables, since Node warns on stderr where the two contradict each other.)
delete process.env.FORCE_COLOR;
process.env.NO_COLOR = '1';

// Tests run on source: the export condition "@cipherformer/source" resolves workspace packages to their src/index.ts.
const resolve = { conditions: ['@cipherformer/source'] };
const ssr = { resolve: { conditions: ['@cipherformer/source', 'node', 'import', 'default'] } };
const exclude = ['**/node_modules/**', '**/dist/**'];

const fast = {
  // Both cores of two; the default would leave one idle.
  maxWorkers: '100%',
  include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
  exclude: [...exclude, '**/*.{slow,full}.test.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/**
 * Fast tests that put something in a module's place, look at the memory of their process, or count what its kernels hold: each
 * has a process of its own.
 */
const alone = ['packages', 'apps', 'test']
  .flatMap((folder) => readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
  .filter((file) => /\.test\.ts$/.test(file) && !/\.(slow|full)\.test\.ts$|node_modules/.test(file))
  .filter((file) => /\bvi\.mock\(|process-memory|memoryUsage|\/proc\/self|--expose-gc|\.memory\(\)/.test(readFileSync(join(import.meta.dirname, file), 'utf8'))); // biome-ignore format: a chain

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        // One process for file after file, which loads the sources once: a third of the time of `npm test`.
        test: { ...fast, name: 'fast', isolate: false, exclude: [...fast.exclude, ...alone] },
      },
      {
        resolve,
        ssr,
        test: { ...fast, name: 'fast, alone', include: alone },
      },
      {
        resolve,
        ssr,
        test: {
          // Browsers and whole journeys, three of them at 128-bit security: minutes and gigabytes each, one file at a time.
          name: 'slow',
          include: ['packages/*/test/**/*.slow.test.ts', 'apps/*/test/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
          exclude,
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          // The engine's promises at 128-bit security, where slow tests do not reach them: `npm run check full-size`.
          name: 'full',
          include: ['packages/*/test/**/*.full.test.ts'],
          exclude,
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

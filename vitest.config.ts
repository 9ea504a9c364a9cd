import { defineConfig } from 'vitest/config';

// Tests compare what people read: the same plain words on a terminal, in a pipe and where CI asks for colours.
// (Both variables, since Node warns on stderr where the two contradict each other.)
delete process.env.FORCE_COLOR;
process.env.NO_COLOR = '1';

// Tests run on source: the export condition "@cipherformer/source" resolves workspace packages to their src/index.ts.
const resolve = { conditions: ['@cipherformer/source'] };
const ssr = { resolve: { conditions: ['@cipherformer/source', 'node', 'import', 'default'] } };
const exclude = ['**/node_modules/**', '**/dist/**'];

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'fast',
          // Both cores of two; the default would leave one idle.
          maxWorkers: '100%',
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...exclude, '**/*.{slow,full}.test.ts'],
          testTimeout: 60_000,
        },
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

import { defineConfig } from 'vite';
import { sums } from '../../scripts/sums.mjs';

/** The client in one module, its worker and its kernels beside it: for pages without a build, from npm's tarball. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  resolve: { conditions: ['@cipherformer/source', 'browser', 'import', 'default'] },
  plugins: [sums],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: 'dist/bundle',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: 'src/browser.ts',
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'client.js' },
    },
  },
});

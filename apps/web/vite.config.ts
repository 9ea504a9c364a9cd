import { defineConfig } from 'vite';

// The page runs under "default-src 'self'": nothing of it may be written into the HTML or into data: addresses.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  resolve: { conditions: ['@cipherformer/source', 'browser', 'import', 'default'] },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

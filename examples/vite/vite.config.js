import { defineConfig } from 'vite';

export default defineConfig({
  // The client's worker loads parts of itself when they are needed.
  worker: { format: 'es' },
  // For `vite dev`: the worker lies beside its module, not in a bundle of dependencies.
  optimizeDeps: { exclude: ['@cipherformer/client'] },
});

// TypeScript from source, as the tests run it, for checks that need more than what is built.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

/** Loads modules by their paths from the root of the checkout. They hold a server: end the process when all is done. */
export async function loadSource(...paths) {
  const vite = await createServer({
    root: dirname(dirname(fileURLToPath(import.meta.url))),
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
    // Node 20 has no `using`.
    oxc: { target: 'node20' },
    resolve: { conditions: ['@cipherformer/source'] },
    ssr: { resolve: { conditions: ['@cipherformer/source', 'node', 'import', 'default'] } },
  });
  return Promise.all(paths.map((path) => vite.ssrLoadModule(`/${path}`)));
}

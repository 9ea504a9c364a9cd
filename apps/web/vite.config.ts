import { defineConfig, type Plugin } from 'vite';
import { look } from '../../packages/cipherformer/src/page/look.ts';
import { sums } from '../../scripts/sums.mjs';

/** The service that is asked, for a page that another origin serves; by default the one that serves the page. */
const service = process.env.CIPHERFORMER_SERVICE ?? '';

/** Writes the service into the page, and a policy that lets it ask nobody else: a service that serves the page sends its own. */
const elsewhere: Plugin = {
  name: 'cipherformer-elsewhere',
  transformIndexHtml(html) {
    if (service === '') return html;
    const { origin } = new URL(service);
    const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${origin}; base-uri 'none'; form-action 'none'`;
    return html
      .replace('<meta name="service" content="" />', `<meta name="service" content="${service}" />`)
      .replace(
        '<meta charset="utf-8" />',
        `<meta charset="utf-8" />\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
      );
  },
};

/** Puts the look that reports have, too, before the page's own rules. */
const sharedLook: Plugin = {
  name: 'cipherformer-look',
  enforce: 'pre',
  transform: (code, id) => (/\/src\/style\.css$/.test(id) ? look + code : undefined),
};

// The page runs under "default-src 'self'": nothing of it may be written into the HTML or into data: addresses.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  resolve: { conditions: ['@cipherformer/source', 'browser', 'import', 'default'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [sharedLook, elsewhere, sums],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

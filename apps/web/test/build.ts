import { join } from 'node:path';
import { build, createLogger, type Plugin } from 'vite';

/** The page of tests: accepts insecure rings in code of its own. */
const insecureEntry: Plugin = {
  name: 'insecure-entry',
  transformIndexHtml: { order: 'pre', handler: (html) => html.replace('./src/main.ts', './test/insecure-entry.ts') },
};

/** Builds the page as it is shipped, or with the entry of tests. @returns warnings, of Node modules that were reached above all */
export async function buildPage(outDir: string, { insecure }: { readonly insecure: boolean }): Promise<string[]> {
  const warnings: string[] = [];
  const note = (message: string) => {
    // A Node module that is reached by an import is a line of information, not a warning, to vite.
    if (/externalized|warn/i.test(message)) warnings.push(message);
  };
  await build({
    configFile: join(import.meta.dirname, '../vite.config.ts'),
    customLogger: { ...createLogger('info'), info: note, warn: note, warnOnce: note },
    plugins: insecure ? [insecureEntry] : [],
    build: { outDir },
  });
  return warnings;
}

// How the package is found: imported, required, by a bundler for browsers; quickly.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as door from 'cipherformer';
import { build } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import * as sources from '../../../../test/source-graph.ts';

const here = mkdtempSync(join(sources.root, 'node_modules/.entry-'));
afterAll(() => rmSync(here, { recursive: true }));
const names = Object.keys(door).sort();

/** What a script prints as JSON, in Node without any flag. */
function printed(file: string, text: string) {
  writeFileSync(join(here, file), text);
  return JSON.parse(execFileSync(process.execPath, [join(here, file)], { encoding: 'utf8' }));
}

describe('the package', () => {
  it('is imported by modules and required by scripts', () => {
    const show = (value: string) => `console.log(JSON.stringify(Object.keys(${value}).sort()));`;
    expect(printed('a.mjs', `import * as door from 'cipherformer';\n${show('door')}`)).toEqual(names);
    expect(printed('a.cjs', show("require('cipherformer')"))).toEqual(names);
  });

  it('takes less than 150 ms of processor time to import, that of Node itself left out', () => {
    const cpuMs = (text: string) => {
      const runs = [1, 2, 3].map(() => printed('b.mjs', `${text}\nconst { user, system } = process.cpuUsage();\nconsole.log((user + system) / 1000);`)); // biome-ignore format: short
      return Math.min(...runs);
    };
    expect(cpuMs("await import('cipherformer');") - cpuMs('')).toBeLessThan(150);
  });

  it('says in a browser what to import there', async () => {
    writeFileSync(join(here, 'page.js'), `import { ${names.join(', ')} } from 'cipherformer';\nglobalThis.all = [${names.join(', ')}];`);
    await build({
      configFile: false,
      logLevel: 'error',
      root: here,
      build: { outDir: join(here, 'out'), minify: false, lib: { entry: join(here, 'page.js'), formats: ['es'], fileName: 'page' } },
    });
    const file = join(here, 'out/page.js');
    expect(readFileSync(file, 'utf8')).not.toContain('node:');
    await expect(import(pathToFileURL(file).href)).rejects.toMatchObject({
      code: 'bad-usage',
      message: expect.stringContaining('import @cipherformer/client'),
    });
  }); // biome-ignore format: short
});

describe('no module', () => {
  const files = sources.sourcesIn('packages/cipherformer/src');
  const text = (file: string) => readFileSync(join(sources.root, file), 'utf8');

  it('exports all that another does, or waits while it is loaded', () => {
    // `require` takes no module that waits.
    expect(files.filter((file) => /^export \* from|^(export )?(const .* = )?await /m.test(text(file)))).toEqual([]);
  });
});

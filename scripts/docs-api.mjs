// npm run docs: the reference of all that the packages export, as pages in docs/api/, which git ignores.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, Logger, LogLevel } from 'typedoc';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = join(root, 'packages');

/** All entries that packages have: what they are imported by, and their sources. */
function entries() {
  return readdirSync(packages).flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8'));
    return Object.entries(exports)
      .filter(([, value]) => value['@cipherformer/source'])
      .map(([path, value]) => ({ name: join(name, path), source: join(folder, value['@cipherformer/source']) }));
  });
}

class Faults extends Logger {
  found = [];
  log(message, level) {
    if (level >= LogLevel.Warn) this.found.push(message);
  }
}

/**
 * Reads the sources and writes the pages, where a folder is given.
 * @returns what is wrong with docstrings: links that lead nowhere, parameters that are not there, types that no entry has
 */
export async function makeReference(out) {
  const app = await Application.bootstrap({
    name: 'Cipherformer',
    entryPoints: entries().map(({ source }) => join(packages, source)),
    tsconfig: join(root, 'tsconfig.docs.json'),
    displayBasePath: packages,
    readme: 'none',
    disableGit: true,
    // Where it is, as a path of this repository, which has no address of its own.
    sourceLinkTemplate: '{path}',
    excludePrivate: true,
    validation: { invalidLink: true, notExported: true },
    // `npm run types` has found none.
    skipErrorChecking: true,
  });
  app.logger = new Faults();
  const project = await app.convert();
  app.validate(project);
  // By what one imports, in place of where it lies.
  const names = new Map(entries().map(({ name, source }) => [source.replace(/(\/index)?\.ts$/, ''), name]));
  for (const module of project.children) module.name = names.get(module.name);
  if (out !== undefined) await app.generateDocs(project, out);
  return app.logger.found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = join(root, 'docs', 'api');
  for (const fault of await makeReference(out)) process.stderr.write(`${fault}\n`);
  process.stdout.write(`${relative(process.cwd(), join(out, 'index.html'))}\n`);
}

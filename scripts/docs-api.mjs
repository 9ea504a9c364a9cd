// npm run docs: the reference of all that the packages export, as pages in docs/api/ (ignored by git).
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = join(root, 'packages');

/** The source of every entry that a package's `exports` names. */
export function entryPoints() {
  return readdirSync(packages).flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
    const sources = Object.values(exports).map((value) => value['@cipherformer/source']);
    return sources.filter(Boolean).map((source) => join(packages, name, source));
  });
}

const app = await Application.bootstrap({
  name: 'Cipherformer',
  entryPoints: entryPoints(),
  tsconfig: join(root, 'tsconfig.docs.json'),
  readme: join(root, 'README.md'),
  basePath: root,
  displayBasePath: packages,
  disableGit: true,
  sourceLinkTemplate: '{path}',
  excludePrivate: true,
  excludeInternal: true,
  skipErrorChecking: true,
  validation: {
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: false,
    notExported: true,
    unusedMergeModuleWith: true,
  },
});
const project = await app.convert();
app.validate(project);
if (!process.env.NOEMIT) await app.generateDocs(project, join(root, 'docs/api'));

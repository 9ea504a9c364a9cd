// Packages as they are published: what a tarball holds beside its own folder's files.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packedAddon, platforms } from '../packages/ckks/scripts/packed-addons.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const workspace = readJson(join(root, 'package.json'));
/** What the command line's package brings along of the repository, in the same folders: for the demo and README's examples. */
const shipped = [
  'models/mnist-vit/README.md',
  'models/mnist-vit/config.json',
  'models/mnist-vit/model.safetensors',
  // Without the record of its training, which only `report` reads.
  'models/mnist-vit-polynomial/README.md',
  'models/mnist-vit-polynomial/model.safetensors',
  'models/mnist-vit-polynomial/polynomial.json',
  'examples/mnist',
  'recipes/convert/demo.json',
];

export const packageNames = readdirSync(join(root, 'packages')).sort();

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Text whose links to files of the repository lead to its address; without one they are words. */
function withLinks(text, repository) {
  if (repository === undefined) return text.replace(/!?\[([^\]]*)\]\((?!https?:|#)[^)]*\)/g, '$1');
  return text.replace(/\]\((?!https?:|#)/g, `](${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`);
}

function readme({ name, description }) {
  if (name === workspace.name.replace(/-workspace$/, '')) return readFileSync(join(root, 'README.md'), 'utf8');
  return `# ${name}\n\n${description}\n\nA part of [Cipherformer](README.md), which it comes with: \`npm install cipherformer\`. How its parts stand on
each other: [architecture](docs/architecture.md). Apache-2.0.\n`;
}

/** What all tarballs hold. */
function stage(folder, { directory, ...manifest }, repository) {
  writeJson(join(folder, 'package.json'), { ...manifest, repository: repository && { ...repository, directory } });
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const texts = { 'README.md': readme(manifest), 'CHANGELOG.md': readFileSync(join(root, 'CHANGELOG.md'), 'utf8') };
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(folder, file), withLinks(text, repository));
}

/** Copies what the command line's package brings along into it. */
export function copyShipped(folder) {
  for (const path of shipped) cpSync(join(root, path), join(folder, path), { recursive: true });
}

/** Takes out of JavaScript where its map would be: developers' servers look for it, and complain of each. */
function dropMapLinks(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  for (const name of files) {
    const file = join(folder, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
  }
}

/** Whether a file of `dist` was compiled from a source that has gone or has another name now. */
function isLeftOver(own, path) {
  const [, name] = /^dist\/(?!bundle\/|web\/)(.*?)(?:\.d\.ts(?:\.map)?|\.js)$/.exec(relative(own, path)) ?? [];
  return name !== undefined && !existsSync(join(own, 'src', `${name}.ts`));
}

/**
 * Lays out in `folder` what the tarball of a package holds.
 * @param repository the field of that name; the root's package.json is the one place where its address is written
 */
export function stagePackage(name, folder, repository = workspace.repository) {
  const own = join(root, 'packages', name);
  // What builds a package is this repository's.
  const { devDependencies: _, scripts: __, ...manifest } = readJson(join(own, 'package.json'));
  mkdirSync(folder, { recursive: true });
  for (const part of ['bin', 'build', 'dist', 'src'])
    if (manifest.files.some((file) => file.split('/')[0] === part))
      cpSync(join(own, part), join(folder, part), {
        recursive: true,
        // JavaScript is as the sources are, which come along: maps of it would be two megabytes.
        filter: (path) => !/tsbuildinfo$|packed$|\.js\.map$/.test(path) && !isLeftOver(own, path),
      });
  dropMapLinks(join(folder, 'dist'));
  manifest.files.push('CHANGELOG.md');
  if (name === 'ckks') {
    const packed = Object.keys(platforms).map((platform) => [`@cipherformer/ckks-${platform}`, manifest.version]);
    manifest.optionalDependencies = Object.fromEntries(packed);
  }
  if (name === 'cipherformer') {
    copyShipped(folder);
    cpSync(join(root, 'apps/web/dist'), join(folder, 'dist/web'), { recursive: true });
  }
  stage(folder, { ...manifest, directory: `packages/${name}` }, repository);
}

async function stagePlatform(platform, folder) {
  const { os, arch, libc } = platforms[platform];
  mkdirSync(folder, { recursive: true });
  cpSync(await packedAddon(platform), join(folder, 'kernels.node'));
  const manifest = {
    name: `@cipherformer/ckks-${platform}`,
    version: workspace.version,
    description: `Native kernels of @cipherformer/ckks for ${platform}.`,
    license: workspace.license,
    directory: 'packages/ckks',
    engines: workspace.engines,
    os: [os],
    cpu: [arch],
    libc: [libc],
    main: './kernels.node',
    files: ['kernels.node', 'CHANGELOG.md'],
  };
  stage(folder, manifest, workspace.repository);
}

/** Packs staged folders into `out`; returns the tarballs' paths. */
function npmPack(folders, out) {
  mkdirSync(out, { recursive: true });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out, ...folders];
  const packed = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  return Object.values(packed).map(({ filename }) => join(out, basename(filename)));
}

/**
 * Makes all tarballs anew in `out`: those for everybody there, those of a platform in a folder of its name. Needs what
 * `npm run build` makes.
 * @param names platforms to compile native kernels for
 * @returns the tarballs for everybody, and by platform
 */
export async function packAll(out, names) {
  const work = mkdtempSync(join(tmpdir(), 'cipherformer-pack-'));
  try {
    for (const name of packageNames) stagePackage(name, join(work, name));
    for (const platform of names) await stagePlatform(platform, join(work, platform));
    const made = `${out}.new`;
    rmSync(made, { recursive: true, force: true });
    npmPack(
      packageNames.map((name) => join(work, name)),
      made,
    );
    for (const platform of names) npmPack([join(work, platform)], join(made, platform));
    rmSync(out, { recursive: true, force: true });
    renameSync(made, out);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const tarballs = (folder) => readdirSync(folder).filter((file) => file.endsWith('.tgz')).map((file) => join(folder, file)); // biome-ignore format: short
  return { all: tarballs(out), platforms: Object.fromEntries(names.map((name) => [name, tarballs(join(out, name))])) };
}

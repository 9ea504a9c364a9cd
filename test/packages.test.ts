// What is published: manifests of one form, tarballs that tools for packages find no fault with, small installations without
// install scripts. What of it runs: packages.slow.test.ts.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { checkPackage, Package } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageNames, stagePackage } from '../scripts/packages.mjs';
import { root } from './source-graph.ts';

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const workspace = readJson(join(root, 'package.json'));
const ours = /^(@cipherformer\/|cipherformer$)/;

describe('manifests', () => {
  it.each(packageNames)('%s', (name) => {
    const folder = join(root, 'packages', name);
    const manifest = readJson(join(folder, 'package.json'));
    const { version, license, engines, type } = workspace;
    expect(manifest).toMatchObject({ version, license, engines, type, sideEffects: false });
    expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'src']));
    // Nothing runs when it is installed.
    expect(Object.keys(manifest.scripts ?? {}).filter((script) => !script.startsWith('build:'))).toEqual([]);
    for (const [dependency, range] of Object.entries(manifest.dependencies ?? {}))
      if (ours.test(dependency)) expect(range, dependency).toBe(version);
    for (const [dependency, { optional }] of Object.entries<{ optional: boolean }>(
      manifest.peerDependenciesMeta ?? {},
    )) {
      expect(optional, dependency).toBe(true);
      expect(manifest.devDependencies?.[dependency]).toBe(manifest.peerDependencies[dependency]);
    }
    for (const [entry, value] of Object.entries<string | Record<string, string>>(manifest.exports)) {
      // Files as they are: the manifest, and bundles, of which publint sees whether they are there.
      if (typeof value === 'string') {
        expect(value).toMatch(/^\.\/(package\.json|dist\/)/);
        continue;
      }
      // What is refused in browsers says so there.
      const { '@cipherformer/source': source = '', browser = './dist/browser.js', ...built } = value;
      expect(browser, entry).toBe('./dist/browser.js');
      expect(Object.keys(value)[0], entry).toBe('@cipherformer/source');
      expect(existsSync(join(folder, source)), source).toBe(true);
      const path = source.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1');
      expect(built).toEqual({ types: `${path}.d.ts`, default: `${path}.js` });
    }
  });

  it('no install script of others runs where npm reads what may', () => {
    const scripts = Object.entries<{ hasInstallScript?: boolean; optional?: boolean }>(readJson(join(root, 'package-lock.json')).packages)
      .filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional)
      .map(([path]) => path.replace(/^.*node_modules\//, '')); // biome-ignore format: short
    expect(scripts.filter((name) => workspace.allowScripts[name] !== false)).toEqual([]);
  });

  it('.npmrc has no key that npm warns about', () => {
    const keys = readFileSync(join(root, '.npmrc'), 'utf8').split('\n').filter(Boolean).map((line) => line.split('=')[0]); // biome-ignore format: short
    expect(keys.sort()).toEqual(['audit', 'fund']);
  });
});

describe('tarballs', () => {
  let work: string;
  // Many small files: seconds on a disk with nothing else to do.
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'cipherformer-packages-'));
    for (const name of packageNames) stagePackage(name, join(work, name));
  }, 60_000);
  afterAll(() => rmSync(work, { recursive: true, force: true }), 60_000);

  const filesOf = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));

  it.each(packageNames)('%s: publint has nothing to say', async (name) => {
    const pkgDir = join(work, name);
    const { messages } = await publint({ pkgDir, pack: false });
    const manifest = readJson(join(pkgDir, 'package.json'));
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
    for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) expect(statSync(join(pkgDir, file)).size).toBeGreaterThan(100);
  }); // biome-ignore format: short

  it.each(packageNames)('%s: the types are those of the code, for modules', async (name) => {
    const folder = join(work, name);
    const { name: full, version } = readJson(join(folder, 'package.json'));
    const files = filesOf(folder).filter((file) => /\.(js|d\.ts|json|md)$/.test(file) && !/dist.web/.test(file));
    const entries = files.map(
      (file) => [`/node_modules/${full}/${relative(folder, file)}`, readFileSync(file)] as const,
    );
    const result = await checkPackage(new Package(Object.fromEntries(entries), full, version));
    if (!result.types) return expect.fail('it has types');
    // CommonJS on Node before 20.19 cannot load modules: we are for newer ones.
    const problems = result.problems.filter(
      (problem) => !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind),
    );
    expect(problems).toEqual([]);
  });

  it('the command line brings along the demo, a digit and the page', () => {
    const files = filesOf(join(work, 'cipherformer')).map((file) => relative(join(work, 'cipherformer'), file));
    expect(files).toEqual(
      expect.arrayContaining([
        'models/mnist-vit-polynomial/model.safetensors',
        'examples/mnist/digit.png',
        'recipes/convert/demo.json',
        'dist/web/index.html',
      ]),
    );
  });

  it.each(['cipherformer/dist/web', 'client/dist/bundle'])('%s: what browsers load is listed with its SHA-256', (folder) => {
    const files = filesOf(join(work, folder)).map((file) => relative(join(work, folder), file)).filter((file) => file !== 'SHA256SUMS').sort();
    const sum = (file: string) => createHash('sha256').update(readFileSync(join(work, folder, file))).digest('hex');
    expect(readFileSync(join(work, folder, 'SHA256SUMS'), 'utf8')).toBe(files.map((file) => `${sum(file)}  ${file}\n`).join(''));
    // Two builds of the kernels, and the decoder of JPEGs.
    expect(files.filter((file) => /\.wasm$/.test(file))).toHaveLength(3);
  }); // biome-ignore format: short

  it('hold nothing compiled from a source that has gone', () => {
    const compiled = filesOf(work).filter((file) => /\/dist\/(?!bundle\/|web\/).*\.js$/.test(file));
    expect(compiled.length).toBeGreaterThan(100);
    expect(compiled.filter((file) => !existsSync(file.replace('/dist/', '/src/').replace(/js$/, 'ts')))).toEqual([]);
  });

  it('name no maps that are not there', () => {
    const scripts = filesOf(work).filter((file) => file.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(100);
    expect(scripts.filter((file) => /^\/\/# sourceMappingURL/m.test(readFileSync(file, 'utf8')))).toEqual([]);
  });

  const relativeLinks = (text: string) => text.match(/\]\((?!https?:\/\/|#)[^)]*\)/g);

  it('name the repository that the root names, in one place', () => {
    for (const name of packageNames) {
      expect(readJson(join(root, 'packages', name, 'package.json'))).not.toHaveProperty('repository');
      const { repository } = readJson(join(work, name, 'package.json'));
      expect(repository).toEqual(workspace.repository && { ...workspace.repository, directory: `packages/${name}` });
      for (const file of ['README.md', 'CHANGELOG.md'])
        expect(relativeLinks(readFileSync(join(work, name, file), 'utf8')), `${name}/${file}`).toBeNull();
    }
  });

  it('would have links to a repository that is named', () => {
    const repository = { type: 'git', url: 'git+https://example.org/owner/name.git' };
    const folder = join(work, 'named');
    stagePackage('client', folder, repository);
    expect(readJson(join(folder, 'package.json')).repository).toEqual({ ...repository, directory: 'packages/client' });
    const text = readFileSync(join(folder, 'README.md'), 'utf8');
    expect(text).toContain('](https://example.org/owner/name/blob/main/docs/architecture.md)');
    expect(relativeLinks(text)).toBeNull();
  });
});

/** The folder of a package as Node finds it from another. */
function folderOf(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(found)) return realpathSync(found);
    if (folder === dirname(folder)) throw new Error(`${name} is not installed`);
  }
}

function bytesOf(path: string): number {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/** What `files` of a manifest names. */
function packedPaths(folder: string, files: readonly string[]): string[] {
  return files.flatMap((file) => {
    if (!file.includes('*')) return existsSync(join(folder, file)) ? [join(folder, file)] : [];
    const [start = '', end = ''] = file.split('/').at(-1)!.split('*');
    const home = join(folder, dirname(file));
    return readdirSync(home).filter((name) => name.startsWith(start) && name.endsWith(end)).map((name) => join(home, name)); // biome-ignore format: short
  });
}

interface Installed {
  readonly bytes: number;
  readonly scripts: readonly string[];
}

/** What a package brings along, itself and all that it depends on, by name; of ours, what is packed. */
function treeOf(name: string, from = root, seen = new Map<string, Installed>()): Map<string, Installed> {
  const folder = folderOf(name, from);
  if (seen.has(name)) return seen;
  const { dependencies = {}, files = [], scripts = {} } = readJson(join(folder, 'package.json'));
  const packed = folder.startsWith(join(root, 'packages')) ? packedPaths(folder, files) : [folder];
  seen.set(name, {
    bytes: packed.reduce((sum, path) => sum + bytesOf(path), 0),
    scripts: ['preinstall', 'install', 'postinstall'].filter((script) => script in scripts),
  });
  for (const dependency of Object.keys(dependencies)) treeOf(dependency, folder, seen);
  return seen;
}

const bytesOfTree = (tree: ReadonlyMap<string, Installed>) =>
  [...tree.values()].reduce((sum, { bytes }) => sum + bytes, 0);
const withScripts = (tree: ReadonlyMap<string, Installed>) => [...tree].filter(([, { scripts }]) => scripts.length > 0);

describe('what is installed with', () => {
  it('@cipherformer/client: these packages, none of which trains, of less than 16 MB', () => {
    const tree = treeOf('@cipherformer/client');
    expect(bytesOfTree(tree)).toBeLessThan(16e6);
    expect([...tree.keys()].sort()).toEqual([
      '@cipherformer/approx', '@cipherformer/base', '@cipherformer/ckks', '@cipherformer/client', '@cipherformer/model', '@cipherformer/runtime',
      '@huggingface/tokenizers', '@jsquash/jpeg', '@noble/hashes', 'fast-png', 'fflate', 'iobuffer', 'zod',
    ]); // biome-ignore format: a list
  });

  it('cipherformer: less than 60 MB with its models and page, and no install script', () => {
    const tree = treeOf('cipherformer', join(root, 'packages'));
    expect(bytesOfTree(tree)).toBeLessThan(56e6);
    expect(tree.size).toBeGreaterThan(50);
    expect(withScripts(tree)).toEqual([]);
    for (const optional of ['onnxruntime-node', 'vega', 'vega-lite']) expect([...tree.keys()]).not.toContain(optional);
  });

  it('would notice: ONNX Runtime has one, and 200 MB', () => {
    const tree = treeOf('onnxruntime-node');
    expect(withScripts(tree).map(([name]) => name)).toContain('onnxruntime-node');
    expect(bytesOfTree(tree)).toBeGreaterThan(200e6);
  });
});

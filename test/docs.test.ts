// What documents name is there: links, files, identifiers, verbs and their options, and the tests that show a claim.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--deduplicate'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file))); // biome-ignore format: one call
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const documents = files.filter((file) => file.endsWith('.md'));
const isSource = (file: string) => /\.(ts|mts|mjs|js|hpp|cpp)$/.test(file);
/** Not tests: a name that only they have is gone. */
const sources = files.filter(
  (file) => isSource(file) && /^(packages|apps|scripts)\//.test(file) && !file.includes('/test/'),
);
const configurations = files.filter((file) => /^((?!package-lock)[^/]*|packages\/.*|apps\/.*)\.json$/.test(file));
const words = new Set([...sources, ...configurations].flatMap((file) => read(file).match(/[\w$]+/g) ?? []));
const commands = sources
  .filter((file) => file.startsWith('packages/cipherformer/src/'))
  .map(read)
  .join('\n');

/** The text without blocks of code, and these blocks. */
function parts(text: string): { prose: string; blocks: string[] } {
  const fence = /^```[^\n]*\n(.*?)^```/gms;
  return { prose: text.replace(fence, ''), blocks: [...text.matchAll(fence)].map((match) => match[1]!) };
}

const spansOf = (prose: string) => [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);

/** How GitHub names a heading. */
const anchor = (heading: string) =>
  heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'); // biome-ignore format: a chain

const anchorsOf = (file: string) =>
  [...parts(read(file)).prose.matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1]!));

function brokenLinks(file: string, prose: string): string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/.test(link!)) return [];
    const [path, heading] = link!.split('#');
    const target = path === '' ? file : normalize(join(dirname(file), path!));
    const there = existsSync(join(root, target)) && (heading === undefined || anchorsOf(target).includes(heading));
    return there ? [] : [`link ${link}`];
  });
}

/** Paths from the root, and source files by any end of their path; not names with a placeholder, nor what is built. */
function missingFiles(spans: readonly string[]): string[] {
  return spans
    .flatMap((span) => span.split(/[\s,"':()]+/))
    .filter((name) => name.includes('/') && !/[<>*{}[\]]|NNNN|\/(build|dist)\//.test(name) && !name.startsWith('.'))
    .filter((name) =>
      /^(packages|apps|docs|scripts|test|models)\//.test(name)
        ? !existsSync(join(root, name))
        : isSource(name) && !files.some((file) => `/${file}`.endsWith(`/${name}`)),
    );
}

/** Names in camel case that no source has. */
const missingNames = (spans: readonly string[]) =>
  spans.flatMap((span) => span.match(/[\w$]+/g) ?? []).filter((word) => /[a-z][A-Z]/.test(word) && !words.has(word));

/** What a block imports from our packages, or takes from one imported as a whole. */
function missingImports(block: string): string[] {
  const lists = [...block.matchAll(/import (?:type )?\{([^}]*)\} from '@cipherformer\//g)].flatMap((match) => match[1]!.split(','));
  const members = [...block.matchAll(/import \* as (\w+) from '@cipherformer\//g)].flatMap(([, name]) =>
    [...block.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, 'g'))].map((match) => match[1]!),
  );
  return [...lists, ...members].map((name) => name.trim().split(' ')[0]!).filter((name) => name !== '' && !words.has(name));
} // biome-ignore format: patterns

/** Verbs and options of command lines, over lines that go on. */
function missingOptions(block: string): string[] {
  const lines = block.replace(/\\\n/g, ' ').split('\n').filter((line) => line.includes('npx cipherformer '));
  return lines.flatMap((line) => {
    const [command = ''] = line.slice(line.indexOf('npx cipherformer ')).split(' #');
    const verb = command.split(' ')[2]!;
    const options = command.match(/ --[a-z][a-z-]*/g)?.map((option) => option.trim()) ?? [];
    const known = (name: string) => name === '--help' || new RegExp(`['" ]${name}\\b`).test(commands);
    return [...(commands.includes(`.command('${verb}')`) ? [] : [verb]), ...options.filter((option) => !known(option))];
  });
} // biome-ignore format: patterns

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Scripts of the root, and checks, that are not there. */
const missingScripts = (text: string) =>
  [...text.matchAll(/npm run ([a-z][a-z:]*)(?: ([a-z][a-z0-9-]*))?/g)].flatMap(([found, script, name]) => {
    const there = script! in scripts && (script !== 'check' || !name || existsSync(join(root, `scripts/checks/${name}.mjs`)));
    return there ? [] : [found];
  }); // biome-ignore format: a chain

describe('documents name only what is there', () => {
  it.each(documents)('%s', (file) => {
    const { prose, blocks } = parts(read(file));
    const spans = spansOf(prose);
    expect([
      ...brokenLinks(file, prose),
      ...missingFiles(spans),
      ...missingNames(spans),
      ...(file.startsWith('examples/') ? [] : [...spans, ...blocks].flatMap(missingScripts)),
      ...blocks.flatMap(missingImports),
      ...blocks.flatMap(missingOptions),
    ]).toEqual([]);
  });

  it('and what is not there would be found', () => {
    expect(brokenLinks('docs/ckks.md', '[a](kernels.md) [b](#security) [c](no.md) [d](kernels.md#no) https://x.org')).toEqual(['link no.md', 'link kernels.md#no']);
    expect(missingFiles(['packages/ckks/src/', 'seeds/random.ts', 'scheme/no.ts', 'packages/no', 'runs/<name>/x.ts', 'a/b'])).toEqual(['scheme/no.ts', 'packages/no']);
    expect(missingNames(['Parameters.from', 'noSuchName(x)', 'lower case'])).toEqual(['noSuchName']);
    expect(missingScripts('npm run demo, npm run no, npm run check addon, npm run check none, npm run check <name>')).toEqual(['npm run no', 'npm run check none']);
    expect(missingImports("import { Encoder, nothingLikeIt } from '@cipherformer/ckks';")).toEqual(['nothingLikeIt']);
    expect(missingImports("import * as e from '@cipherformer/ckks';\nnew e.Encoder(e.noEncoder)")).toEqual(['noEncoder']);
    expect(missingOptions('npx cipherformer keygen p --out k # --no\nnpx cipherformer nothing --such-option \\\n  --another-one')).toEqual(['nothing', '--such-option', '--another-one']);
  }); // biome-ignore format: one line a case
});

describe('the security review', () => {
  const { prose } = parts(read('docs/decisions/0013-security-review.md'));
  const named = [...prose.matchAll(/`([^`\s]+\.test\.ts)`: ((?:"[^"]+"(?:,\s+)?)+)/g)].flatMap(([, file, names]) =>
    [...names!.matchAll(/"([^"]+)"/g)].map((match) => [file!, match[1]!] as const),
  );

  it.each(named)('%s has: %s', (file, name) => {
    const text = read(file);
    expect(["'", '`', '"'].some((quote) => text.includes(quote + name + quote))).toBe(true);
  });

  it('names tests of every row', () => {
    const rows = new Set(named.flatMap(([, name]) => name.match(/^rows? [\d, and]+/)?.[0].match(/\d+/g) ?? []).map(Number));
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    const quoted = prose.slice(prose.indexOf('## Tests')).match(/"[^"]+"/g) ?? [];
    expect(named.length).toBe(quoted.length);
  }); // biome-ignore format: chains
});

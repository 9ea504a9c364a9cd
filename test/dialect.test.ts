// One dialect: what the linter's own rules cannot say. Members are #private by a rule of ours in scripts/lint; docstrings,
// which such rules do not see, tell errors by @throws.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root, sourcesIn } from './source-graph.ts';

const folders = ['packages', 'apps']
  .flatMap((home) => readdirSync(join(root, home)).flatMap((name) => [join(home, name, 'src'), join(home, name, 'test')]))
  .filter((folder) => existsSync(join(root, folder))); // biome-ignore format: one chain
const sources = ['test', ...folders].flatMap(sourcesIn);

/** The lines of docstrings that tell of an error in a sentence of its own, as "line: text". */
function throwsSentences(text: string): string[] {
  return [...text.matchAll(/^ *\/\*\*.*?\*\//gms)].flatMap((block) => {
    const first = text.slice(0, block.index).split('\n').length;
    const lines = block[0].split('\n').map((line, i) => `${first + i}: ${line.trim()}`);
    return lines.filter((line) => /\bThrows\b/.test(line));
  });
}

describe('docstrings tell errors by @throws', () => {
  it('in every source', () => {
    expect(sources.length).toBeGreaterThan(500);
    const found = sources.flatMap((file) => throwsSentences(readFileSync(join(root, file), 'utf8')).map((line) => `${file}:${line}`)); // biome-ignore format: short
    expect(found).toEqual([]);
  });

  it.each([
    ['/** Does it. Throws RangeError for a few. */', ['1: /** Does it. Throws RangeError for a few. */']],
    ['a;\n/**\n * Throws unless it can.\n */', ['3: * Throws unless it can.']],
    ['/**\n * Does it. Throws\n * RangeError.\n */', ['2: * Does it. Throws']],
    ['/** Does it. @throws RangeError for a few */', []],
    ['/** Asked first: throws for no. */\n// Throws nothing.', []],
  ])('%j', (text, found) => {
    expect(throwsSentences(text)).toEqual(found);
  });
});

describe('members are #private', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dialect-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The lines of a source that the repository's own lint rules refuse. */
  function refused(text: string): number[] {
    const { plugins } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
    const rules = plugins.map((plugin: string) => join(root, plugin));
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ plugins: rules, linter: { rules: { preset: 'none' } } }));
    writeFileSync(join(folder, 'x.ts'), text);
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
    const { stdout } = spawnSync(process.execPath, [biome, 'lint', '--reporter=github', 'x.ts'], { cwd: folder, encoding: 'utf8' });
    return [...stdout.matchAll(/line=(\d+).*#private/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  } // biome-ignore format: short

  it('the linter refuses the keyword on all but constructors', () => {
    const fine = ['#a = 1', 'private constructor() {}', 'protected b = 1', 'c() { return class { private constructor() {} } }'];
    const wrong = ['readonly d = 1', 'static e?: number', 'f() {}', 'async *g() {}', 'get h() { return 1 }', 'set h(x) {}', 'i(): void'];
    const members = [...fine, ...wrong.map((member) => `private ${member}`)];
    expect(refused(`abstract class A {\n${members.join(';\n')};\n}\n`)).toEqual(wrong.map((_, i) => fine.length + 2 + i));
  }); // biome-ignore format: lists
});

// Row 10: less than 128-bit security is an argument of a caller's own code, and nothing that ships passes it. This reads
// every line of the packages' sources and executables that speaks of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const packages = join(root, 'packages');
const homes = [packages, join(root, 'apps')];

function shipped(): string[] {
  const folders = homes.flatMap((home) => readdirSync(home).map((name) => join(home, name)));
  return folders.flatMap((folder) =>
    ['src', 'bin', 'scripts', 'page'].flatMap((part) => {
      try {
        return readdirSync(join(folder, part), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs|html)$/.test(entry.name))
          .map((entry) => join(entry.parentPath, entry.name));
      } catch {
        return [];
      }
    }),
  );
}

/** What a line says beyond declaring the argument, handing it on, or stating a fact about parameters. */
function grants(line: string): boolean {
  const code = line.replace(/^\s*(\/\/|\/?\*).*$/, '').replace(/\s\/\/ .*$/, '');
  // A property or argument other than `insecure?: boolean`, a string or computed name, an assignment, an option.
  return (
    /\binsecure['"`\]]*\??\s*:(?!\s*boolean\b)/.test(code) ||
    /['"`]insecure['"`]/.test(code) ||
    /--insecure/.test(code) ||
    (/\binsecure\s*=(?!=)/.test(code) && !code.includes('this.insecure = this.logQP > secureLogQP('))
  );
}

describe('row 10: no shipped path reaches less than 128-bit security', () => {
  const files = shipped();

  it('no source passes the argument, and no environment variable or option stands for it', () => {
    expect(files.length).toBeGreaterThan(200);
    const found = files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, i) =>
          grants(line) || /INSECURE_TESTS/.test(line) ? [`${relative(root, file)}:${i + 1} ${line.trim()}`] : [],
        ),
    );
    expect(found).toEqual([]);
  });

  it('the executable passes no more than its arguments', () => {
    const text = readFileSync(join(packages, 'cipherformer/bin/cipherformer.js'), 'utf8');
    expect(text.match(/runCli\([^;]*\)/g)).toEqual(['runCli(process.argv.slice(2))']);
  });

  it.each([
    ['{ insecure: true }', true],
    ["{ 'insecure': yes }", true],
    ['{ insecure: process.env.WEAK === "1" }', true],
    ["options['insecure'] = true", true],
    ['insecure = true', true],
    ["  .option('--insecure', 'less')", true],
    ['  readonly insecure?: boolean | undefined;', false],
    ['  readonly insecure: boolean;', false],
    ['await Context.create(parameters, { insecure });', false],
    ['    if (!this.insecure || insecure === true) return;', false],
    [' * pass `{ insecure: true }`', false],
  ])('%s would be found: %s', (line, found) => {
    expect(grants(line)).toBe(found);
  });
});

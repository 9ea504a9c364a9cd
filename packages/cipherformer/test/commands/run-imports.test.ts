// The server's side may not even import what makes, reads or uses a secret key. This walks our own source from the verb
// `run` and from the compiler's entry for servers, through relative imports and across packages, and looks at the names
// they take from the engine. The engine's own index exports everything: what counts is what is asked of it.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const packages = join(import.meta.dirname, '../../..');
const importPattern = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^'"`;]*?)\s*from\s*['"]([^'"]+)['"]/g;
/** Everything of the engine that touches a secret key, its files, or what it decrypts. */
const forbidden = [
  'SecretKey', 'KeyGenerator', 'Decryptor', 'PrivateSlots', 'DecryptedPlaintext', 'decryptToPlaintext', 'encryptSymmetric',
  'generateBootstrapKeys', 'secretKeyFromWire', 'secretKeyToWire', 'readSecretKey', 'writeSecretKey',
]; // biome-ignore format: a list

interface Import {
  readonly file: string;
  readonly names: readonly string[];
  readonly specifier: string;
}

function importsOf(file: string, text = readFileSync(file, 'utf8')): Import[] {
  return [...text.matchAll(importPattern)].map((match) => ({
    file,
    names: match[2]!.replace(/[{}]/g, ' ').split(',').map((name) => name.trim().replace(/^type\s+/, '').split(/\s+as\s+/)[0]!).filter(Boolean), // biome-ignore format: short
    specifier: match[3]!,
  }));
}

/** The source behind an import of ours; undefined for the engine and for packages of others. */
function sourceOf({ file, specifier }: Import): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  const [, name, entry] = /^@cipherformer\/(compiler|nn|approx)(?:\/(.+))?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  return join(packages, name, exports[entry === undefined ? '.' : `./${entry}`].source);
}

/** Every import reached from a file, types included. */
function reached(start: string): Import[] {
  const seen = new Set<string>();
  const found: Import[] = [];
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const one of importsOf(file)) {
      found.push(one);
      const next = sourceOf(one);
      if (next !== undefined && existsSync(next)) visit(next);
    }
  };
  visit(start);
  return found;
}

const secrets = (imports: readonly Import[]) =>
  imports.filter(({ names, specifier }) => /^@cipherformer\/ckks/.test(specifier) && names.some((name) => forbidden.includes(name) || name.startsWith('*'))); // biome-ignore format: short

const server = join(packages, 'compiler/src/server.ts');
const run = join(packages, 'cipherformer/src/commands/run.ts');
const client = join(packages, 'compiler/src/client.ts');

describe('imports of the server’s side', () => {
  it.each([['the compiler’s server entry', server], ['the verb run', run]])('%s reaches no secret key', (_, start) => {
    const imports = reached(start);
    expect(imports.some(({ specifier }) => specifier === '@cipherformer/ckks')).toBe(true);
    expect(imports.some(({ file }) => file.endsWith('backends/ckks.ts'))).toBe(true);
    expect(secrets(imports)).toEqual([]);
  }); // biome-ignore format: pairs

  it('would notice: the client’s entry does', () => {
    expect(secrets(reached(client)).length).toBeGreaterThan(1);
  });

  it('sees every form of import', () => {
    const text =
      "import type { SecretKey as K } from '@cipherformer/ckks';\nexport { a, type Decryptor } from '@cipherformer/ckks';\nimport * as all from '@cipherformer/ckks';";
    expect(secrets(importsOf('x', text)).length).toBe(3);
  });
});

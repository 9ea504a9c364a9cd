// The server's side may not even import what makes, reads or uses a secret key. This walks our own source from the verbs
// `run` and `serve`, the service's worker and the compiler's entry for servers, through relative imports and across packages, and looks at the names
// they take from the engine. The engine's own index exports everything: what counts is what is asked of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const packages = join(import.meta.dirname, '../../..');
const importPattern = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^'"`;]*?)\s*from\s*['"]([^'"]+)['"]/g;
/** Everything of the engine that touches a secret key, its files, what is derived from it, or what it decrypts. */
const ofEngine = [
  'SecretKey', 'KeyGenerator', 'Decryptor', 'PrivateSlots', 'DecryptedPlaintext', 'decryptToPlaintext', 'encryptSymmetric',
  'generateBootstrapKeys', 'secretKeyFromWire', 'secretKeyToWire', 'readSecretKey', 'writeSecretKey',
  'KeyPartMaker', 'KeyDigits', 'KeyDigit', 'SecretPath', 'secretPaths', 'digitInfo', 'DigitInfo', 'SharedSlots',
]; // biome-ignore format: a list
/** The same of our other packages. What they import is walked as well; this names them where they are asked for. */
const ofOthers = [
  'makeParts', 'derivedKeys', 'encryptInputs', 'decryptOutputs', 'PrivateAnswer', 'RevealedAnswer', 'writeKeyFolder', 'PartMemory',
  'VolatilePartMemory', 'FileVerdictLedger', 'MemoryVerdictLedger', 'ServiceSession', 'Owner', 'openSecret',
]; // biome-ignore format: a list
const forbidden = [...ofEngine, ...ofOthers];

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
  const [, name, entry] = /^@cipherformer\/(compiler|nn|approx|service|client)(?:\/(.+))?$/.exec(specifier) ?? [];
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
  imports.filter(({ names, specifier }) => names.some((name) => forbidden.includes(name) || (/^@cipherformer\/ckks/.test(specifier) && name.startsWith('*')))); // biome-ignore format: short

const at = (file: string) => join(packages, file);
const server = at('compiler/src/server.ts');
const worker = at('cipherformer/src/service/worker.ts');
const serve = at('cipherformer/src/commands/serve.ts');
const client = at('compiler/src/client.ts');

describe('imports of the server’s side', () => {
  it.each([
    ['the compiler’s server entry', server], ['the verb run', at('cipherformer/src/commands/run.ts')],
    ['the verb serve', serve], ['the service’s worker', worker],
  ])('%s reaches no secret key', (_, start) => {
    const imports = reached(start);
    expect(imports.some(({ specifier }) => specifier === '@cipherformer/ckks')).toBe(true);
    expect(imports.some(({ file }) => file.endsWith('backends/ckks.ts'))).toBe(true);
    expect(secrets(imports)).toEqual([]);
  }); // biome-ignore format: pairs

  it('walks into the service: its worker’s side and its HTTP', () => {
    expect(reached(worker).some(({ file }) => file.endsWith('service/src/worker/main.ts'))).toBe(true);
    expect(reached(serve).some(({ file }) => file.endsWith('service/src/http/keysets.ts'))).toBe(true);
  });

  it.each([['the client’s entry', client], ['the session', at('client/src/session.ts')], ['the verb keygen', at('cipherformer/src/commands/keygen.ts')]])('would notice: %s does', (_, start) => {
    expect(secrets(reached(start)).length).toBeGreaterThan(1);
  }); // biome-ignore format: pairs

  it('knows every name by its file: none was renamed', () => {
    const exported = [...readdirSync(packages, { recursive: true, encoding: 'utf8' }).filter((name) => /^\w+\/src\/.*\.ts$/.test(name)).map((name) => join(packages, name))].map((file) => readFileSync(file, 'utf8')).join('\n');
    for (const name of forbidden) expect(exported).toMatch(new RegExp(`export (?:async )?(?:function\\*?|class|interface|const|type) ${name}\\b`));
  }); // biome-ignore format: short

  it('sees every form of import', () => {
    const text =
      "import type { SecretKey as K } from '@cipherformer/ckks';\nexport { a, type Decryptor } from '@cipherformer/ckks';\nimport * as all from '@cipherformer/ckks';";
    expect(secrets(importsOf('x', text)).length).toBe(3);
  });
});

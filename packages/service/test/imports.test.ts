// The service never holds a secret key, so nothing that it imports may know one: its whole graph of modules is walked,
// through the sources of our packages. The engine's index exports everything, so it must not be reached at all. And
// the client runs in browsers: nothing that it imports is a module of Node.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const packages = join(import.meta.dirname, '../..');
const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[^.\w])import\s*\(?\s*['"]([^'"]+)['"]/g;

/** Files of ours that are reached, relative to packages/, and the modules of others. */
function graphOf(start: string): { files: string[]; others: string[] } {
  const files = new Set<string>();
  const others = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const match of readFileSync(file, 'utf8').matchAll(importPattern)) {
      const specifier = (match[1] ?? match[2])!;
      const [, name, entry] = /^@cipherformer\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? [];
      if (specifier.startsWith('.')) visit(normalize(join(dirname(file), specifier)));
      else if (name === undefined) others.add(specifier);
      else {
        const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
        visit(join(packages, name, exports[entry === undefined ? '.' : `./${entry}`].source));
      }
    }
  };
  visit(join(packages, start));
  return { files: [...files].map((file) => relative(packages, file)).sort(), others: [...others].sort() };
}

/** Of the engine, a service may reach what writes files. */
const allowed = /^(service\/src\/|client\/src\/protocol\.ts$|ckks\/src\/wire\/(durable|secret-start)\.ts$)/;

describe('imports', () => {
  it.each(['service/src/index.ts', 'service/src/worker.ts'])('%s reaches no code that knows a secret key', (start) => {
    const { files, others } = graphOf(start);
    expect(files).toContain('service/src/worker/messages.ts');
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
    expect(others.filter((name) => !/^(node:|zod$|zod\/mini$|fastify$)/.test(name))).toEqual([]);
  });

  it('would notice: the files of the engine do', () => {
    const { files } = graphOf('ckks/src/wire/files.ts');
    expect(files).toContain('ckks/src/wire/durable.ts');
    expect(files).toContain('ckks/src/scheme/keys.ts');
  });

  it('the client reaches no module of Node, and its protocol no zod but the small form', () => {
    const { files, others } = graphOf('client/src/index.ts');
    expect(files).toContain('client/src/transport.ts');
    expect(others.filter((name) => name.startsWith('node:'))).toEqual([]);
    expect(graphOf('client/src/protocol.ts').others).toEqual(['zod/mini']);
  });
});

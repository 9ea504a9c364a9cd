// `import 'cipherformer'` is quick: what takes time is loaded when it is asked for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(import.meta.dirname, '../../src');

/** What a file loads when it is loaded itself: not types, not what its functions import. */
const loads = (file: string) =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/^(?:import|export) (?!type\b)[^;]*? from '([^']+)';/gm)].map(
    (match) => match[1]!,
  );

describe('the door', () => {
  it('loads errors and progress alone', () => {
    expect(loads('index.ts')).toEqual(['@cipherformer/base', './door/door.ts', './door/serve.ts']);
    expect(loads('door/door.ts')).toEqual([]);
    expect(loads('door/serve.ts')).toEqual(['../program/page-folder.ts']);
    expect(loads('program/page-folder.ts')).toEqual(['node:fs', 'node:path']);
  });

  it('would notice', () => {
    expect(loads('door/client.ts')).toContain('@cipherformer/ckks');
  });
});

import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '@cipherformer/base';

/**
 * What a verb will write at its end is looked at before it begins.
 * @throws UsageError where there is something of that name already, which is never replaced, or no folder to write it to
 */
export function checkOutput(path: string): void {
  if (existsSync(path)) throw new UsageError(`${path} already exists: choose another --out, or remove it`);
  const folder = dirname(path);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UsageError(`there is no folder ${folder}, where ${path} would go: make it, or choose another --out`);
}

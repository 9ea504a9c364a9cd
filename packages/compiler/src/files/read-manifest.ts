import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { FileError } from '../errors.ts';
import { type ProgramManifest, parseManifest } from './manifest.ts';
import { maxManifestBytes } from './manifest-schema.ts';

// Node only.

export const manifestFile = 'manifest.json';

/** Reads a program's manifest; `path` is its folder or the file itself. Throws FileError as parseManifest. */
export async function readManifest(path: string, security: SecurityOptions = {}): Promise<ProgramManifest> {
  const file = path.endsWith('.json') ? path : join(path, manifestFile);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new FileError(`there is no ${file}: give the folder that compile wrote`);
  if (found.size > maxManifestBytes)
    throw new FileError(`${file} is no manifest of a program: it has ${found.size} bytes, ${maxManifestBytes} at most are expected`); // biome-ignore format: short
  return parseManifest(await readFile(file), file, security);
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { FileError } from '../errors.ts';
import { type ProgramManifest, parseManifest } from './manifest.ts';

// Node only.

export const manifestFile = 'manifest.json';

/** Reads a program's manifest; `path` is its folder or the file itself. Throws FileError as parseManifest. */
export async function readManifest(path: string, security: SecurityOptions = {}): Promise<ProgramManifest> {
  const file = path.endsWith('.json') ? path : join(path, manifestFile);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new FileError(`there is no ${file}: give the folder that compile wrote`);
  }
  return parseManifest(text, file, security);
}

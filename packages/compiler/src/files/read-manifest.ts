import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileError } from '../errors.ts';
import { type ProgramManifest, parseManifest } from './manifest.ts';

// Node only.

export const manifestFile = 'manifest.json';

/**
 * Reads a program's manifest; `path` is its folder or the file itself. Throws FileError, for insecure parameters too unless
 * the environment has CIPHERFORMER_INSECURE_TESTS=1.
 */
export async function readManifest(path: string): Promise<ProgramManifest> {
  const file = path.endsWith('.json') ? path : join(path, manifestFile);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new FileError(`there is no ${file}: give the folder that compile wrote`);
  }
  return parseManifest(text, file, { insecure: process.env.CIPHERFORMER_INSECURE_TESTS === '1' });
}

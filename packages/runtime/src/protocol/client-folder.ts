import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { isPolynomialModel } from '@cipherformer/model/files';
import { FileError } from '../errors.ts';
import { type ClientProgram, manifestFile, readClientHalf } from './client-half.ts';
import { type ProgramManifest, parseManifest } from './manifest.ts';

// Node only. A program's folder has two halves: client/ may be published, server/ has the model.

export const clientFolder = 'client';
export const serverFolder = 'server';

/** Reads a program's manifest; `path` is its folder, the client's half of it, or the file. @throws FileError as parseManifest */
export async function readManifest(path: string, security: SecurityOptions = {}): Promise<ProgramManifest> {
  const file = manifestPath(path);
  if (!existsSync(file)) throw new FileError(noProgram(path, file));
  return parseManifest(new TextDecoder().decode(await read(file)), file, security);
}

/** Reads the client's half of a program; `path` as for readManifest. Errors as readClientHalf. */
export async function readClientProgram(path: string, security: SecurityOptions = {}): Promise<ClientProgram> {
  const manifest = manifestPath(path);
  if (!existsSync(manifest)) throw new FileError(noProgram(path, manifest));
  const folder = dirname(manifest);
  return readClientHalf((name) => read(name === manifestFile ? manifest : join(folder, name)), folder, security);
}

function manifestPath(path: string): string {
  if (path.endsWith('.json')) return path;
  const whole = join(path, clientFolder, manifestFile);
  return existsSync(whole) ? whole : join(path, manifestFile);
}

/** What stands in the place of a program, and what to do. */
function noProgram(path: string, manifest: string): string {
  if (isPolynomialModel(path)) return `${path} is a polynomial model, no program yet: compile it`;
  if (existsSync(join(path, 'config.json')))
    return `${path} is a trained model, no program yet: convert it to polynomial form, then compile it`;
  const give = `give the folder that compile wrote, or its "${clientFolder}"`;
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? `${path} is no program: ${give}` : `there is no ${manifest}: ${give}`; // biome-ignore format: short
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw new FileError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

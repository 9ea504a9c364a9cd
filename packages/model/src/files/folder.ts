import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PolynomialModel } from '../polynomial-model.ts';
import type { StoredType } from './safetensors.ts';
import { parsePolynomialModel, polynomialModelFiles, serialisePolynomialModel } from './serialise.ts';
import { readBytes, writeAtomically } from './storage.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Whether a folder holds a polynomial model. */
export const isPolynomialModel = (folder: string): boolean => existsSync(join(folder, polynomialModelFiles.structure));

/** Names of the files in a folder that belong to its polynomial model. */
export const filesOfPolynomialModel = (folder: string): string[] =>
  Object.values(polynomialModelFiles).filter((name) => existsSync(join(folder, name)));

/** Writes a model's files; polynomial.json, which makes the folder a model, last. @throws StorageError and those of serialise */
export function savePolynomialModel(folder: string, model: PolynomialModel, type: StoredType = 'F32'): void {
  const files = serialisePolynomialModel(model, sha256, type);
  mkdirSync(folder, { recursive: true });
  const { structure } = polynomialModelFiles;
  for (const name of [...[...files.keys()].filter((name) => name !== structure), structure]) {
    writeAtomically(join(folder, name), files.get(name)!);
  }
}

/** Reads a folder written by `savePolynomialModel`. @throws DataError, FormatError, ShapeError, ConfigError */
export function loadPolynomialModel(folder: string): PolynomialModel {
  const present = filesOfPolynomialModel(folder);
  return parsePolynomialModel(new Map(present.map((name) => [name, readBytes(join(folder, name))])), folder, sha256);
}

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { Parameters, SecurityOptions } from '@cipherformer/ckks';
import { partialSuffix } from '@cipherformer/ckks/durable';
import { openProgram, programParameters, writeProgram } from '@cipherformer/compiler';
import { filesOfPolynomialModel, isPolynomialModel } from '@cipherformer/model/files';
import {
  clientFolder,
  FileError,
  keySpecsOf,
  manifestFile,
  missingSpecs,
  type ProgramManifest,
  serverFolder,
} from '@cipherformer/runtime/server';
import type { ServedProgram } from '../programs.ts';

/** A program that opens here, as a service takes it. */
export interface PreparedProgram extends ServedProgram {
  readonly manifest: ProgramManifest;
}

export interface PrepareOptions {
  /** Folder in which polynomial models are compiled; it is there. */
  readonly compiled: string;
  readonly security: SecurityOptions;
  /** Of programs that are compiled here. Default: those of `compile`. */
  readonly parameters?: Parameters | undefined;
  /** Whether polynomial models are given away: then the page computes their answers in clear too. */
  readonly publishModel?: boolean | undefined;
  /** Hears what takes time. */
  readonly notice: (text: string) => void;
  /** Looked at before a compilation, which cannot be stopped. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a program, or compiles a polynomial model that was not compiled here before.
 * @throws UsageError for a folder that is neither, and for a program whose model is to be given away; the signal's reason; errors as openProgram and writeProgram
 */
export async function prepareProgram(path: string, options: PrepareOptions): Promise<PreparedProgram> {
  const whole = existsSync(join(path, clientFolder)) && existsSync(join(path, serverFolder));
  if (!whole && !isPolynomialModel(path))
    throw new UsageError(
      `${path} is neither the folder of a program (compile makes it; both halves are needed) nor of a polynomial model (convert makes it)`,
    );
  if (options.publishModel && whole)
    throw new UsageError(
      `${path} is a compiled program, of which no model can be given away: serve the folder of the polynomial model`,
    );
  const { folder, manifest } = whole
    ? { folder: resolve(path), ...(await openProgram(path, options.security)) }
    : await compileOnce(path, options);
  const { name, task, classes, documents } = manifest.model;
  const { keyBytes, wireBytes } = manifest.keys;
  const { cpuSeconds, peakBytes } = manifest.predicted;
  return {
    digest: manifest.digest,
    plan: manifest.keys.plan,
    summary: {
      name,
      task,
      ...(classes ? { classes } : {}),
      ...(documents === undefined ? {} : { documents }),
      batch: manifest.batch,
      keys: { keyBytes, wireBytes },
      predicted: { cpuSeconds, peakBytes },
    },
    keyBytes: wireBytes,
    cpuSeconds,
    clientFolder: join(folder, clientFolder),
    clientFiles: [manifestFile, ...Object.keys(manifest.files)],
    ...(options.publishModel ? { model: { folder: resolve(path), files: filesOfPolynomialModel(path) } } : {}),
    folder,
    manifest,
  };
}

/** For each program the key plans of the others that have all its keys. */
export function withCovering(programs: readonly PreparedProgram[]): PreparedProgram[] {
  const isCovered = ({ manifest: one }: PreparedProgram, { manifest: other }: PreparedProgram) =>
    one.keys.plan !== other.keys.plan &&
    one.parametersDigest === other.parametersDigest &&
    missingSpecs(keySpecsOf(other), keySpecsOf(one)).length === 0;
  return programs.map((program) => {
    const covering = programs.filter((other) => isCovered(program, other)).map(({ plan }) => plan);
    return { ...program, covering: [...new Set(covering)] };
  });
}

/** Removes what compilations that were cut short left behind. Only for who holds the data folder. */
export async function sweepPrograms(compiled: string): Promise<void> {
  for (const name of await readdir(compiled))
    if (name.endsWith(partialSuffix)) await rm(join(compiled, name), { recursive: true, force: true });
}

/** The program of a model: the one that was compiled before, where this release still compiles the same. */
async function compileOnce(model: string, options: PrepareOptions) {
  const { compiled, security, parameters, notice, signal } = options;
  const name = basename(resolve(model)).replace(/[^A-Za-z0-9._-]/g, '_');
  const folder = join(
    resolve(compiled),
    `${name}-${(await modelDigest(model, parameters ? [parameters] : programParameters())).slice(0, 12)}`,
  );
  if (existsSync(folder)) {
    try {
      return { folder, ...(await openProgram(folder, security)) };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      notice(`${folder} does not open here (${error.message}): compiling it again`);
      await rm(folder, { recursive: true });
    }
  }
  signal?.throwIfAborted();
  notice(`compiling ${model} (up to some ten seconds) ...`);
  const opened = await writeProgram(model, folder, {}, parameters);
  notice(`compiled into ${folder}: the next start uses it again`);
  return { folder, ...opened };
}

/** SHA-256 over what a program of a model is compiled from. */
async function modelDigest(model: string, parameters: readonly Parameters[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { digest } of parameters) hash.update(digest);
  const entries = await readdir(model, { withFileTypes: true });
  for (const name of entries.filter((entry) => entry.isFile()).map((entry) => entry.name).sort()) // biome-ignore format: short
    hash.update(`\n${name}\n`).update(createHash('sha256').update(await readFile(join(model, name))).digest()); // biome-ignore format: short
  return hash.digest('hex');
}

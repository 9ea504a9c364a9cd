import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SecurityOptions } from '@cipherformer/ckks';
import { isSecretKeyFile } from '@cipherformer/ckks/files';
import { MissingFileError } from '@cipherformer/model';
import {
  checkKeys,
  FileError,
  MismatchError,
  openKeyFolder,
  type ProgramManifest,
  parametersOf,
  readManifest,
} from '@cipherformer/runtime/server';

/** Where keygen puts evaluation keys: beside the secret key. */
export const evaluationBeside = (secret: string): string => join(dirname(secret), 'evaluation');

/**
 * What can be known of a secret key's file before it is used for a program, whose manifest it gives.
 * @throws MissingFileError where there is none, FileError for evaluation keys, MismatchError where those that keygen made with it
 * are not this program's: its server could not use what is encrypted
 */
export async function checkSecretFile(
  file: string,
  program: string,
  security: SecurityOptions,
): Promise<ProgramManifest> {
  const manifest = await readManifest(program, security);
  if (!existsSync(file))
    throw new MissingFileError(
      `there is no secret key ${file}: make one, cipherformer keygen ${program} --out ${dirname(file)}`,
    );
  if (statSync(file).isDirectory())
    throw new FileError(
      existsSync(join(file, 'list.json'))
        ? `${file} is a folder of evaluation keys, which are the server's: give the file "secret" beside it`
        : `${file} is a folder: give the file "secret" that keygen wrote${existsSync(join(file, 'secret')) ? `, ${join(file, 'secret')}` : ''}`,
    );
  if (!(await isSecretKeyFile(file)))
    throw new FileError(`${file} is no secret key: give the file "secret" that keygen wrote`);
  const evaluation = evaluationBeside(file);
  if (!existsSync(join(evaluation, 'list.json'))) return manifest;
  const { specs } = await openKeyFolder(evaluation, parametersOf(manifest, security));
  try {
    checkKeys(specs, manifest);
    return manifest;
  } catch (error) {
    if (!(error instanceof MismatchError)) throw error;
    throw new MismatchError(
      `${file} has no keys for this program yet: make those that ${evaluation} lacks, cipherformer keygen ${program} --out ${dirname(file)}`,
      { cause: error },
    );
  }
}

import { readFile } from 'node:fs/promises';
import { MissingFileError } from '@cipherformer/model';

/** The bytes of a file. @throws MissingFileError that says what could not be read: "the input", "the result" */
export async function readBytes(file: string, what: string): Promise<Buffer> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    const words: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };
    throw new MissingFileError(`${what} ${file} cannot be read: ${words[error.code ?? ''] ?? error.message}`);
  });
}

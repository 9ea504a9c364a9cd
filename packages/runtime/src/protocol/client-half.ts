import { toHex } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { sha256 } from '@cipherformer/ckks';
import { checkPreparation, type InputPreparation, parsePreparation, readDocuments } from '@cipherformer/model';
import { FileError } from '../errors.ts';
import { type ProgramManifest, parseManifest } from './manifest.ts';

/** The client's half of a program: all that keys, encryption and decryption need. It may be published. */
export interface ClientProgram {
  readonly manifest: ProgramManifest;
  /** How a picture or a text becomes the inputs. */
  readonly preparation: InputPreparation;
  /** Of a search: the texts of the documents, in the order of the scores. */
  readonly documents?: readonly string[];
}

/**
 * Reads a client's half from wherever its files are.
 * @param file gives a file by its name
 * @param where a folder or an address, for messages
 * @throws FileError for a manifest that is not legal or files that are not its own; errors of parsePreparation
 */
export async function readClientHalf(
  file: (name: string) => Promise<Uint8Array<ArrayBuffer>>,
  where: string,
  security: SecurityOptions = {},
): Promise<ClientProgram> {
  const text = new TextDecoder().decode(await file(manifestFile));
  const manifest = parseManifest(text, `${where}/${manifestFile}`, security);
  const files = new Map<string, Uint8Array>();
  for (const [name, digest] of Object.entries(manifest.files)) {
    const bytes = await file(name);
    const found = toHex(await sha256(bytes));
    if (found !== digest)
      throw new FileError(
        `${where}/${name} is not the file that ${manifestFile} was written with: copy the whole folder again`,
      );
    files.set(name, bytes);
  }
  const { name: _, classes: __, problem: ___, documents, ...structure } = manifest.model;
  const preparation = await parsePreparation(structure, files, where);
  const made = checkPreparation(preparation, where);
  for (const { name } of manifest.inputs)
    if (!made.has(name))
      throw new FileError(`${where} takes an input "${name}" that it does not say how to make: compile it again`);
  if (documents === undefined) return { manifest, preparation };
  return { manifest, preparation, documents: await readDocuments(files, documents, where) };
}

export const manifestFile = 'manifest.json';

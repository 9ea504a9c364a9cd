import * as z from 'zod/mini';
import { ConfigError, FormatError } from '../errors.ts';
import { parseForeignJson, problems, words } from '../untrusted/index.ts';
import { documentsFile, fileOf, type ModelFiles, maxDocuments } from './model-files.ts';

// The texts of what a search finds: documents.json, in a model's folder and in the client's half of its program. They are public.

const maxBytes = 2 ** 28;
const documentsSchema = z.array(words).check(z.minLength(1), z.maxLength(maxDocuments));

/** documents.json. @throws ConfigError for a text that readers refuse: of more than 2000 characters, or with control characters */
export function serialiseDocuments(documents: readonly string[]): Uint8Array {
  const checked = z.safeParse(documentsSchema, documents);
  if (!checked.success)
    throw new ConfigError(
      `the documents cannot be written, a text is of 2000 characters at most, without control characters:\n${problems(checked.error, documents)}`,
    );
  return new TextEncoder().encode(`${JSON.stringify(documents, null, 1)}\n`);
}

/** @param count as many are expected. @throws ConfigError where the file is missing, FormatError where it is something else */
export function parseDocuments(files: ModelFiles, count: number, where: string): string[] {
  const refuse = (what: string) => new FormatError(`${where}/${documentsFile} ${what}`);
  const documents = parseForeignJson(fileOf(files, documentsFile, where), {
    schema: documentsSchema,
    maxBytes,
    refuse,
  });
  if (documents.length !== count) throw refuse(`has ${documents.length} texts for ${count} documents`);
  return documents;
}

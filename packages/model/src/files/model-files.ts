import { ConfigError, FormatError } from '../errors.ts';
import { decodeUtf8, parseJson } from '../untrusted/index.ts';

/** Files by name. */
export type ModelFiles = ReadonlyMap<string, Uint8Array>;

/** The files beside the JSON of a preparation; images need none, texts without a tokenizer lack its two. */
export const preparationFiles = {
  embedding: 'embedding.safetensors',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const;

/** The file of a model whose outputs are scores of documents: their texts. */
export const documentsFile = 'documents.json';
/** Most documents: each is an output. */
export const maxDocuments = 2 ** 20;

/** @throws ConfigError where the file is missing */
export function fileOf(files: ModelFiles, name: string, where: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw new ConfigError(`${where} has no ${name}: copy the whole folder again.`);
  return bytes;
}

/** @throws FormatError where the file is no JSON */
export function readJson(files: ModelFiles, name: string, where: string): unknown {
  const bytes = fileOf(files, name, where);
  try {
    return parseJson(decodeUtf8(bytes));
  } catch {
    throw new FormatError(`${where}/${name} is not JSON. Was it truncated or edited?`);
  }
}

import { FormatError } from '../errors.ts';
import type { TokenEmbedding } from '../inputs/embedding.ts';
import type { TextPreprocess } from '../inputs/preprocess.ts';
import { huggingFaceTokenizer, type TokenizerFiles } from '../text/tokenizer.ts';
import { readNorm, tablesOf } from './embedding-tables.ts';
import { type ModelFiles, preparationFiles, readJson } from './model-files.ts';
import type { PreprocessFile } from './preparation-schema.ts';
import type { TensorReader } from './tensors.ts';

type TextPreprocessFile = PreprocessFile & { kind: 'text' };

/** The preparation of texts in a client's half: its tables in a file of their own. @throws FormatError or ConfigError */
export function parseTextPreparation(stored: TextPreprocessFile, files: ModelFiles, where: string): TextPreprocess {
  const reader = tablesOf(files, where);
  const text = readText(stored, reader, files, where);
  reader.finish();
  return text;
}

/** The preprocess of a text again. @throws FormatError or ConfigError */
export function readText(
  stored: TextPreprocessFile,
  reader: TensorReader,
  files: ModelFiles,
  where: string,
): TextPreprocess {
  const { norm } = stored;
  const embedding: TokenEmbedding = {
    token: reader.matrix('embedding.token'),
    ...(stored.position && { position: reader.matrix('embedding.position') }),
    ...(stored.segment && { segment: reader.matrix('embedding.segment') }),
    ...(norm && { norm: readNorm(norm, reader) }),
  };
  const tokenizer = stored.tokenizer ? readTokenizer(files, where) : undefined;
  return { kind: 'text', embedding, padding: stored.padding, ...(tokenizer && { tokenizer }) };
}

function readTokenizer(files: ModelFiles, where: string): TokenizerFiles {
  const read = (name: string) => {
    const value = readJson(files, name, where);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new FormatError(`${where}/${name} has to be a JSON object.`);
    }
    return value as Readonly<Record<string, unknown>>;
  };
  const tokenizer = { tokenizer: read(preparationFiles.tokenizer), config: read(preparationFiles.tokenizerConfig) };
  // Made once here to find its faults now, not at the first text.
  huggingFaceTokenizer(tokenizer, `${where}/${preparationFiles.tokenizer}`);
  return tokenizer;
}

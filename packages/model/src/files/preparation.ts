import { z } from 'zod';
import { ConfigError, FormatError } from '../errors.ts';
import type { TokenEmbedding } from '../inputs/embedding.ts';
import {
  checkPreparation,
  type ImagePreprocess,
  type InputPreparation,
  type TextPreprocess,
} from '../inputs/preprocess.ts';
import { huggingFaceTokenizer, type TokenizerFiles } from '../text/tokenizer.ts';
import { decodeUtf8, parseJson } from '../untrusted/index.ts';
import {
  type PreprocessFile,
  preprocessSchema,
  TensorReader,
  TensorWriter,
  taskSchema,
  tokensSchema,
} from './model-file.ts';
import { parseSafetensors, serialiseSafetensors } from './safetensors.ts';

// What a client needs of a model: how an image or a text becomes the inputs of its graph. Everything in it is public.

/** Files by name. */
export type ModelFiles = ReadonlyMap<string, Uint8Array>;

/** The files beside the JSON of a preparation; images need none, texts without a tokenizer lack its two. */
export const preparationFiles = {
  embedding: 'embedding.safetensors',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const;

/** The JSON of a preparation. */
export const preparationSchema = z.strictObject({
  task: taskSchema,
  tokens: tokensSchema,
  preprocess: preprocessSchema,
});
export type PreparationFile = z.infer<typeof preparationSchema>;

/** A preparation as JSON and files. */
export function serialisePreparation({ task, graph, preprocess }: InputPreparation): {
  structure: PreparationFile;
  files: Map<string, Uint8Array>;
} {
  const writer = new TensorWriter();
  const structure: PreparationFile = { task, tokens: graph.tokens, preprocess: writePreprocess(preprocess, writer) };
  const files = new Map<string, Uint8Array>();
  if (preprocess.kind === 'text') {
    files.set(preparationFiles.embedding, serialiseSafetensors(writer.tensors, {}));
    for (const [name, bytes] of tokenizerFiles(preprocess)) files.set(name, bytes);
  }
  return { structure, files };
}

/**
 * Reads what `serialisePreparation` wrote.
 * @param where a folder or an address, for messages
 * @throws FormatError, ShapeError or ConfigError naming the file and the field
 */
export function parsePreparation(structure: PreparationFile, files: ModelFiles, where: string): InputPreparation {
  const { task, tokens, preprocess } = structure;
  const graph = { tokens };
  const checked = (preparation: InputPreparation) => {
    checkPreparation(preparation, where);
    return preparation;
  };
  if (preprocess.kind === 'image') return checked({ task, graph, preprocess: preprocess as ImagePreprocess });
  const path = `${where}/${preparationFiles.embedding}`;
  const reader = new TensorReader(
    parseSafetensors(fileOf(files, preparationFiles.embedding, where), path).tensors,
    path,
  );
  const text = readText(preprocess, reader, files, where);
  reader.finish();
  return checked({ task, graph, preprocess: text });
}

/** A preprocess as JSON, its tables handed to `writer`. */
export function writePreprocess(preprocess: InputPreparation['preprocess'], writer: TensorWriter): PreprocessFile {
  if (preprocess.kind === 'image') {
    const { kind, patches, normalise, picture } = preprocess;
    return { kind, patches, normalise, ...(picture && { picture }) };
  }
  const { kind, embedding, padding, tokenizer } = preprocess;
  const { token, position, norm } = embedding;
  writer.matrix('embedding.token', token);
  if (position) writer.matrix('embedding.position', position);
  if (norm) writer.vector('embedding.norm.gain', norm.gain);
  if (norm?.bias) writer.vector('embedding.norm.bias', norm.bias);
  return {
    kind,
    padding,
    position: position !== undefined,
    ...(norm && { norm: { kind: norm.kind, epsilon: norm.epsilon } }),
    tokenizer: tokenizer !== undefined,
  };
}

/** The tokenizer's own files. */
export function tokenizerFiles({ tokenizer }: TextPreprocess): [string, Uint8Array][] {
  if (!tokenizer) return [];
  const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
  return [
    [preparationFiles.tokenizer, json(tokenizer.tokenizer)],
    [preparationFiles.tokenizerConfig, json(tokenizer.config)],
  ];
}

/** The preprocess of a text again. @throws FormatError or ConfigError */
export function readText(
  stored: PreprocessFile & { kind: 'text' },
  reader: TensorReader,
  files: ModelFiles,
  where: string,
): TextPreprocess {
  const { norm } = stored;
  const embedding: TokenEmbedding = {
    token: reader.matrix('embedding.token'),
    ...(stored.position && { position: reader.matrix('embedding.position') }),
    ...(norm && {
      norm: {
        ...norm,
        gain: reader.vector('embedding.norm.gain'),
        ...(norm.kind === 'layer' && { bias: reader.vector('embedding.norm.bias') }),
      },
    }),
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

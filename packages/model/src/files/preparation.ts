import * as z from 'zod/mini';
import type { EmbeddingNorm } from '../inputs/embedding.ts';
import {
  checkPreparation,
  type ImagePreprocess,
  type InputPreparation,
  type TextPreprocess,
} from '../inputs/preprocess.ts';
import { type ModelFiles, preparationFiles } from './model-files.ts';
import { type PreprocessFile, preprocessSchema, taskSchema, tokensSchema } from './preparation-schema.ts';
import { serialiseSafetensors } from './safetensors.ts';
import { TensorWriter } from './tensors.ts';

// What a client needs of a model: how an image or a text becomes the inputs of its graph. Everything in it is public.

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
  if (writer.tensors.size > 0) files.set(preparationFiles.embedding, serialiseSafetensors(writer.tensors, {}));
  if (preprocess.kind === 'text') for (const [name, bytes] of tokenizerFiles(preprocess)) files.set(name, bytes);
  return { structure, files };
}

/**
 * Reads what `serialisePreparation` wrote. What reads texts is loaded where there are some: a third of a client in browsers.
 * @param where a folder or an address, for messages
 * @throws FormatError, ShapeError or ConfigError naming the file and the field
 */
export async function parsePreparation(
  { task, tokens, preprocess }: PreparationFile,
  files: ModelFiles,
  where: string,
): Promise<InputPreparation> {
  const preparation = { task, graph: { tokens }, preprocess: await readPreprocess(preprocess, files, where) };
  checkPreparation(preparation, where);
  return preparation;
}

async function readPreprocess(stored: PreprocessFile, files: ModelFiles, where: string) {
  if (stored.kind === 'text') return (await import('./text-preparation.ts')).parseTextPreparation(stored, files, where);
  const { embedding, ...image } = stored;
  if (!embedding) return image as ImagePreprocess;
  return (await import('./embedding-tables.ts')).parseImagePreparation(stored, files, where);
}

/**
 * The texts of the documents that a search scores. What reads them is loaded where there are some.
 * @throws ConfigError where the file is missing, FormatError where it is something else, or does not have `count` texts
 */
export async function readDocuments(files: ModelFiles, count: number, where: string): Promise<readonly string[]> {
  return (await import('./documents.ts')).parseDocuments(files, count, where);
}

/** A preprocess as JSON, its tables handed to `writer`. */
export function writePreprocess(preprocess: InputPreparation['preprocess'], writer: TensorWriter): PreprocessFile {
  if (preprocess.kind === 'image') {
    const { kind, patches, normalise, picture, embedding } = preprocess;
    const image = { kind, patches, normalise, ...(picture && { picture }) };
    if (!embedding) return image;
    const { weight, bias, norm } = embedding;
    writer.matrix('embedding.patch', weight);
    if (bias) writer.vector('embedding.patch.bias', bias);
    return { ...image, embedding: { bias: bias !== undefined, norm: writeNorm(norm, writer) } };
  }
  const { kind, embedding, padding, tokenizer } = preprocess;
  const { token, position, segment, norm } = embedding;
  writer.matrix('embedding.token', token);
  if (position) writer.matrix('embedding.position', position);
  if (segment) writer.matrix('embedding.segment', segment);
  return {
    kind,
    padding,
    position: position !== undefined,
    ...(segment && { segment: true }),
    ...(norm && { norm: writeNorm(norm, writer) }),
    tokenizer: tokenizer !== undefined,
  };
}

function writeNorm({ kind, epsilon, gain, bias }: EmbeddingNorm, writer: TensorWriter) {
  writer.vector('embedding.norm.gain', gain);
  if (bias) writer.vector('embedding.norm.bias', bias);
  return { kind, epsilon };
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

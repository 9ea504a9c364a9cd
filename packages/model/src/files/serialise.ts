import { modelCard } from '../card.ts';
import { FormatError } from '../errors.ts';
import { checkPolynomialModel, type PolynomialModel } from '../polynomial-model.ts';
import { problems, shown } from '../untrusted/index.ts';
import { parseDocuments, serialiseDocuments } from './documents.ts';
import { readImage } from './embedding-tables.ts';
import { type ModelFile, modelFileSchema, polynomialModelFormat, readNodes, writeNodes } from './model-file.ts';
import { documentsFile, fileOf, type ModelFiles, preparationFiles, readJson } from './model-files.ts';
import { tokenizerFiles, writePreprocess } from './preparation.ts';
import { parseSafetensors, type StoredType, serialiseSafetensors } from './safetensors.ts';
import { TensorReader, TensorWriter } from './tensors.ts';
import { readText } from './text-preparation.ts';

/** The names of a polynomial model's files; a model lacks the last ones where it has no tokenizer, and is no search. */
export const polynomialModelFiles = {
  structure: 'polynomial.json',
  weights: 'model.safetensors',
  card: 'README.md',
  tokenizer: preparationFiles.tokenizer,
  tokenizerConfig: preparationFiles.tokenizerConfig,
  documents: documentsFile,
} as const;

/** SHA-256 of bytes in hexadecimal; given from outside, since browsers and Node have no synchronous one in common. */
export type Sha256 = (bytes: Uint8Array) => string;

const text = (value: string) => new TextEncoder().encode(value);
const json = (value: unknown) => text(`${JSON.stringify(value, null, 1)}\n`);

/**
 * A model as files: weights and tables in model.safetensors (float32, or rounded to float16), structure, programs, bounds and preparation in
 * polynomial.json, a card for people in README.md, the tokenizer's own files, the texts of a search in documents.json. With `sha256`, polynomial.json says which
 * weights it was written with.
 * @throws ConfigError where the graph was not calibrated, ShapeError where the model is not well formed
 */
export function serialisePolynomialModel(
  model: PolynomialModel,
  sha256?: Sha256,
  type: StoredType = 'F32',
): Map<string, Uint8Array> {
  checkPolynomialModel(model, 'the model');
  const { task, problem, graph, preprocess, classes, documents, card } = model;
  const writer = new TensorWriter();
  const stored = writePreprocess(preprocess, writer);
  const nodes = writeNodes(graph, writer);
  const weights = serialiseSafetensors(writer.tensors, { format: polynomialModelFormat }, type);
  const structure: ModelFile = {
    format: polynomialModelFormat,
    task,
    ...(problem && { problem }),
    tokens: graph.tokens,
    ...(graph.window !== undefined && { window: graph.window }),
    output: graph.output,
    ...(sha256 && { weightsSha256: sha256(weights) }),
    preprocess: stored,
    ...(classes && { classes: [...classes] }),
    ...(documents && { documents: documents.length }),
    card: structuredClone(card) as ModelFile['card'],
    nodes,
  };
  const files = polynomialModelFiles;
  const result = new Map<string, Uint8Array>([
    [files.weights, weights],
    [files.structure, json(structure)],
    [files.card, text(modelCard(model))],
  ]);
  if (preprocess.kind === 'text') for (const [name, bytes] of tokenizerFiles(preprocess)) result.set(name, bytes);
  if (documents) result.set(files.documents, serialiseDocuments(documents));
  return result;
}

/**
 * Reads what `serialisePolynomialModel` wrote; `where` (a folder, an address) precedes names of files in messages.
 * Everything is checked before it is used: files may come from strangers. With `sha256`, weights of another polynomial.json
 * are refused.
 * @throws FormatError, ShapeError or ConfigError naming the file and the field
 */
export function parsePolynomialModel(files: ModelFiles, where: string, sha256?: Sha256): PolynomialModel {
  const names = polynomialModelFiles;
  const structurePath = `${where}/${names.structure}`;
  const structure = parseStructure(readJson(files, names.structure, where), structurePath);
  const weightsPath = `${where}/${names.weights}`;
  const weights = fileOf(files, names.weights, where);
  const { weightsSha256 } = structure;
  if (sha256 && weightsSha256 !== undefined && sha256(weights) !== weightsSha256) {
    throw new FormatError(
      `${weightsPath} is not the file that ${structurePath} was written with (weightsSha256 differs): one of them was ` +
        'changed or comes from another conversion. Copy both again from one folder.',
    );
  }
  const reader = new TensorReader(parseSafetensors(weights, weightsPath).tensors, weightsPath);
  const { task, problem, tokens, window, output, classes, documents, card } = structure;
  const preprocess =
    structure.preprocess.kind === 'image'
      ? readImage(structure.preprocess, reader)
      : readText(structure.preprocess, reader, files, where);
  const graph = {
    tokens,
    ...(window !== undefined && { window }),
    output,
    nodes: readNodes(structure.nodes, reader, structurePath),
  };
  reader.finish();
  const model: PolynomialModel = {
    task,
    ...(problem && { problem }),
    graph,
    preprocess,
    ...(classes && { classes }),
    ...(documents && { documents: parseDocuments(files, documents, where) }),
    card: card as PolynomialModel['card'],
  };
  checkPolynomialModel(model, structurePath);
  return model;
}

function parseStructure(value: unknown, path: string): ModelFile {
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'string' && format !== polynomialModelFormat) {
    throw new FormatError(
      `${path}: format is ${shown(format)}; this version reads ${polynomialModelFormat}. ` +
        'Convert the model again, or use the version that wrote it.',
    );
  }
  const parsed = modelFileSchema.safeParse(value);
  if (!parsed.success) throw new FormatError(`${path}: ${problems(parsed.error, value)}`);
  return parsed.data;
}

import type { EmbeddingNorm, PatchEmbedding } from '../inputs/embedding.ts';
import type { ImagePreprocess } from '../inputs/preprocess.ts';
import { fileOf, type ModelFiles, preparationFiles } from './model-files.ts';
import type { PreprocessFile } from './preparation-schema.ts';
import { parseSafetensors } from './safetensors.ts';
import { TensorReader } from './tensors.ts';

type ImagePreprocessFile = PreprocessFile & { kind: 'image' };

/** The tables of a client's half, which are a file of their own. @throws FormatError, ConfigError where it is missing */
export function tablesOf(files: ModelFiles, where: string): TensorReader {
  const path = `${where}/${preparationFiles.embedding}`;
  return new TensorReader(parseSafetensors(fileOf(files, preparationFiles.embedding, where), path).tensors, path);
}

/** The preparation of images whose patches the client embeds, in a client's half. @throws FormatError or ConfigError */
export function parseImagePreparation(stored: ImagePreprocessFile, files: ModelFiles, where: string): ImagePreprocess {
  const reader = tablesOf(files, where);
  const image = readImage(stored, reader);
  reader.finish();
  return image;
}

/** The preprocess of an image again. @throws FormatError */
export function readImage({ embedding, ...image }: ImagePreprocessFile, reader: TensorReader): ImagePreprocess {
  if (!embedding) return image as ImagePreprocess;
  const patches: PatchEmbedding = {
    weight: reader.matrix('embedding.patch'),
    ...(embedding.bias && { bias: reader.vector('embedding.patch.bias') }),
    norm: readNorm(embedding.norm, reader),
  };
  return { ...(image as ImagePreprocess), embedding: patches };
}

/** A normalisation on the client's side again. @throws FormatError */
export function readNorm(norm: Pick<EmbeddingNorm, 'kind' | 'epsilon'>, reader: TensorReader): EmbeddingNorm {
  return {
    ...norm,
    gain: reader.vector('embedding.norm.gain'),
    ...(norm.kind === 'layer' && { bias: reader.vector('embedding.norm.bias') }),
  };
}

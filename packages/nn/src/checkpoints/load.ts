import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, parseImageProcessor, type Tokenizer, type Weights } from '@cipherformer/model';
import { readJson, readSafetensors } from '@cipherformer/model/files';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { loadTokenizer } from '../text/tokenizer-folder.ts';
import { type ModelConfig, parseModelConfig } from '../transformer/config.ts';
import { adapterSchema, adaptWeights } from './adapter.ts';
import { readLlama2c, readLlama2cTokenizer } from './formats/llama2c.ts';
import { readPth } from './formats/pth.ts';
import { huggingFaceLayout } from './huggingface/families.ts';
import { fileIn } from './huggingface/folder-files.ts';
import { readSentenceModules } from './huggingface/sentence-transformers.ts';
import { openWeights } from './huggingface/weight-files.ts';
import { isOwnConfig, type Model, preprocessSchema, readOwnModel } from './model-folder.ts';

/** A JSON file that says how a foreign weight file becomes a model: its configuration and its tensor rules. */
export const adapterRecipeSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().default(''),
  /** The weight file, relative to the data root (or to the folder given). */
  file: z.string(),
  format: z.enum(['safetensors', 'pth', 'llama2c']),
  model: z.unknown(),
  /** The tokenizer's file, relative as the weights' (of llama2.c), or a folder with tokenizer files. */
  tokenizer: z.string().optional(),
  preprocess: preprocessSchema.default({}),
  ...adapterSchema.shape,
});

/**
 * Loads a model: a folder written by this package, a Hugging Face folder (huggingface/families.ts) or one of
 * sentence-transformers, or an adapter recipe (.json) whose weight file lies under `root`.
 * @throws ConfigError for a key of config.json that is not read, WeightError for tensors that do not fit, FormatError for files
 */
export function loadModel(path: string, root = dirname(path)): Model {
  if (path.endsWith('.json')) return loadWithAdapter(path, root);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new ConfigError(`${path} is neither a model folder nor an adapter recipe (.json).`);
  }
  const sentence = readSentenceModules(path);
  const folder = join(path, sentence?.transformer ?? '');
  const file = fileIn(folder, 'config.json');
  const value = readJson(file);
  if (isOwnConfig(value)) return readOwnModel(path);
  const { config, adapter, classes } = huggingFaceLayout(value, file, sentence);
  const weights = adaptWeights(config, openWeights(folder), adapter, folder);
  return {
    config,
    weights,
    preprocess: { ...readPreprocessor(folder, config), ...(classes ? { classes: [...classes] } : {}) },
  };
}

/**
 * The tokenizer of what `loadModel` loads: a model folder's, or the one that an adapter recipe names; undefined where that names
 * none. Errors as loadTokenizer and readLlama2cTokenizer.
 */
export function loadModelTokenizer(path: string, root = dirname(path)): Tokenizer | undefined {
  if (!path.endsWith('.json')) return loadTokenizer(path);
  const { tokenizer, format } = readAdapter(path);
  if (tokenizer === undefined) return undefined;
  const file = join(root, tokenizer);
  return format === 'llama2c' ? readLlama2cTokenizer(file) : loadTokenizer(file);
}

/** @throws ConfigError for a file that is no adapter recipe */
function readAdapter(path: string) {
  const value = readJson(path);
  const parsed = adapterRecipeSchema.safeParse(value);
  if (!parsed.success)
    throw new ConfigError(`${path} is not a valid adapter recipe:\n${problems(parsed.error, value)}`);
  return parsed.data;
}

function loadWithAdapter(path: string, root: string): Model {
  const { file, format, model, preprocess, tokenizer: _, ...adapter } = readAdapter(path);
  const config = parseModelConfig(model, path);
  const source = readForeign(join(root, file), format);
  return { config, weights: adaptWeights(config, source, adapter, join(root, file)), preprocess };
}

function readForeign(path: string, format: 'safetensors' | 'pth' | 'llama2c'): Weights {
  switch (format) {
    case 'safetensors':
      return readSafetensors(path).tensors;
    case 'pth':
      return readPth(path);
    case 'llama2c':
      return readLlama2c(path);
  }
}

/**
 * How pictures are prepared, by the folder's preprocessor_config.json; nothing where it has none: only who knows how the
 * model was trained can say.
 * @throws ConfigError naming what of it is not done here
 */
function readPreprocessor(folder: string, { embedding }: ModelConfig): Model['preprocess'] {
  const path = join(folder, 'preprocessor_config.json');
  if (embedding.kind !== 'patch' || !existsSync(path)) return {};
  const { steps, normalise } = parseImageProcessor(
    readJson(fileIn(folder, 'preprocessor_config.json')),
    embedding,
    path,
  );
  return { picture: steps, normalise };
}

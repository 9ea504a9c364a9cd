import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  ConfigError,
  FormatError,
  parseImageProcessor,
  type StoredTensor,
  WeightError,
  type Weights,
} from '@cipherformer/model';
import { readJson, readSafetensors } from '@cipherformer/model/files';
import { problems, shown } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { type ModelConfig, parseModelConfig } from '../transformer/config.ts';
import { adapterSchema, adaptWeights } from './adapter.ts';
import { readLlama2c } from './formats/llama2c.ts';
import { readPth } from './formats/pth.ts';
import { huggingFaceLayout } from './huggingface/families.ts';
import { isOwnConfig, type Model, preprocessSchema, readOwnModel } from './model-folder.ts';

/** A JSON file that says how a foreign weight file becomes a model: its configuration and its tensor rules. */
export const adapterRecipeSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().default(''),
  /** The weight file, relative to the data root (or to the folder given). */
  file: z.string(),
  format: z.enum(['safetensors', 'pth', 'llama2c']),
  model: z.unknown(),
  preprocess: preprocessSchema.default({}),
  ...adapterSchema.shape,
});

/**
 * Loads a model: a folder written by this package, a Hugging Face folder (ViT, BERT, GPT-2, Llama), or an adapter
 * recipe (.json) whose weight file lies under `root`.
 */
export function loadModel(path: string, root = dirname(path)): Model {
  if (path.endsWith('.json')) return loadWithAdapter(path, root);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new ConfigError(`${path} is neither a model folder nor an adapter recipe (.json).`);
  }
  const file = join(path, 'config.json');
  const value = readJson(file);
  if (isOwnConfig(value)) return readOwnModel(path);
  const { config, adapter, classes } = huggingFaceLayout(value, file);
  const weights = adaptWeights(config, readWeightFiles(path), adapter, path);
  return {
    config,
    weights,
    preprocess: { ...readPreprocessor(path, config), ...(classes ? { classes: [...classes] } : {}) },
  };
}

function loadWithAdapter(path: string, root: string): Model {
  const value = readJson(path);
  const parsed = adapterRecipeSchema.safeParse(value);
  if (!parsed.success)
    throw new ConfigError(`${path} is not a valid adapter recipe:\n${problems(parsed.error, value)}`);
  const { file, format, model, preprocess, ...adapter } = parsed.data;
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

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** model.safetensors, or the shards that model.safetensors.index.json lists. */
function readWeightFiles(folder: string): Weights {
  const single = join(folder, 'model.safetensors');
  const index = join(folder, 'model.safetensors.index.json');
  if (existsSync(single)) return readSafetensors(single).tensors;
  if (!existsSync(index)) {
    throw new WeightError(`${folder} has neither model.safetensors nor model.safetensors.index.json.`);
  }
  const value = readJson(index);
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) throw new FormatError(`${index}: ${problems(parsed.error, value)}`);
  const tensors = new Map<string, StoredTensor>();
  const { weight_map } = parsed.data;
  for (const shard of new Set(Object.values(weight_map))) {
    // Shards are files beside the index; a path would let a downloaded folder read anything.
    if (basename(shard) !== shard)
      throw new FormatError(`${index} names ${shown(shard)}, which is not a file beside it.`);
    for (const [name, tensor] of readSafetensors(join(folder, shard)).tensors) {
      if (weight_map[name] !== shard)
        throw new FormatError(`${index} does not place ${shown(name)} in ${shown(shard)}.`);
      tensors.set(name, tensor);
    }
  }
  const missing = Object.keys(weight_map).find((name) => !tensors.has(name));
  if (missing !== undefined)
    throw new WeightError(`${index} places ${shown(missing)} in ${shown(weight_map[missing])}, which lacks it.`);
  return tensors;
}

/**
 * How pictures are prepared, by the folder's preprocessor_config.json; nothing where it has none: only who knows how the
 * model was trained can say.
 * @throws ConfigError naming what of it is not done here
 */
function readPreprocessor(folder: string, { embedding }: ModelConfig): Model['preprocess'] {
  const path = join(folder, 'preprocessor_config.json');
  if (embedding.kind !== 'patch' || !existsSync(path)) return {};
  const { steps, normalise } = parseImageProcessor(readJson(path), embedding, path);
  return { picture: steps, normalise };
}

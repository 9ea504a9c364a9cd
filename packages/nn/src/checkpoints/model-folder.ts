import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConfigError,
  MissingFileError,
  normalisationSchema,
  pictureStepsSchema,
  type TokenizerFiles,
  type Weights,
} from '@cipherformer/model';
import {
  isPolynomialModel,
  readJson,
  readSafetensors,
  writeAtomically,
  writeSafetensors,
} from '@cipherformer/model/files';
import { problems, words } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { saveTokenizer } from '../text/tokenizer-folder.ts';
import { type ModelConfig, parseModelConfig } from '../transformer/config.ts';
import { checkWeights } from '../transformer/weights.ts';

/** How inputs are prepared for a model, stored beside it so that it can be evaluated without its recipe. */
export const preprocessSchema = z.strictObject({
  normalise: z.optional(normalisationSchema),
  picture: z.optional(pictureStepsSchema),
  classes: z.array(words).optional(),
});
export type Preprocess = z.infer<typeof preprocessSchema>;

/** A model as it lies in memory. */
export interface Model {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly preprocess: Preprocess;
}

const ownConfigSchema = z.strictObject({
  model_type: z.literal('cipherformer'),
  model: z.unknown(),
  preprocess: preprocessSchema.default({}),
});

/** Whether a folder's config.json is of our own form. */
export const isOwnConfig = (config: unknown): boolean =>
  typeof config === 'object' && config !== null && (config as { model_type?: unknown }).model_type === 'cipherformer';

/** Writes config.json, model.safetensors and the tokenizer's files. */
export function saveModel(folder: string, model: Model, tokenizer?: TokenizerFiles): void {
  mkdirSync(folder, { recursive: true });
  const config = { model_type: 'cipherformer', model: model.config, preprocess: model.preprocess };
  writeSafetensors(join(folder, 'model.safetensors'), model.weights, { format: 'cipherformer' });
  writeAtomically(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  if (tokenizer) saveTokenizer(folder, tokenizer);
}

/** Reads a folder written by saveModel; see load.ts for folders of other makers. */
export function readOwnModel(folder: string): Model {
  const path = join(folder, 'config.json');
  if (!existsSync(path)) throw new ConfigError(`${folder} has no config.json.`);
  const value = readJson(path);
  const parsed = ownConfigSchema.safeParse(value);
  if (!parsed.success) throw new ConfigError(`${path}: ${problems(parsed.error, value)}`);
  const config = parseModelConfig(parsed.data.model, path);
  const file = join(folder, 'model.safetensors');
  const weights = readSafetensors(file).tensors;
  checkWeights(config, weights, file);
  return { config, weights, preprocess: parsed.data.preprocess };
}

/**
 * A run's folder stands for the model inside it.
 * @throws MissingFileError where there is no such folder or file, ConfigError for a folder without a model
 */
export function modelPath(path: string): string {
  if (!existsSync(path)) throw new MissingFileError(`there is no ${path}: ${modelKinds}`);
  const inside = join(path, 'model');
  const folder = existsSync(join(inside, 'config.json')) ? inside : path;
  if (!folder.endsWith('.json') && !existsSync(join(folder, 'config.json')) && !isPolynomialModel(folder))
    throw new ConfigError(`${path} holds no model: ${modelKinds}`);
  return folder;
}

const modelKinds =
  'give a folder with config.json and weights (of Hugging Face, or what train and convert write), or an adapter recipe (.json)';

import { join } from 'node:path';
import { readJson } from './storage.ts';
import { isOwnConfig, type Model, readOwnModel } from './model-folder.ts';
import { ConfigError } from '../errors.ts';

/** Loads a model folder. */
export function loadModel(folder: string): Model {
  const path = join(folder, 'config.json');
  const config = readJson(path);
  if (isOwnConfig(config)) return readOwnModel(folder);
  throw new ConfigError(`${path}: unknown architecture`);
}

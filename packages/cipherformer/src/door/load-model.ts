import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import { MissingFileError, type Tokenizer } from '@cipherformer/model';
import { isPolynomialModel } from '@cipherformer/model/files';
import { loadModel as load, loadModelTokenizer, loadTokenizer, type Model } from '@cipherformer/nn';

/** A trained transformer, as it was before any conversion. */
export interface TrainedModel extends Model {
  /** The folder that was given. */
  readonly folder: string;
  /** That folder's name: what records of a conversion call it. */
  readonly name: string;
  /** What cuts its texts into tokens; undefined for models of images, and for texts where the folder has none. */
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * Reads a trained transformer: a folder of Hugging Face (docs/models.md lists the families) with its tokenizer or image processor, a
 * folder that training made (a run's or its model's), or an adapter recipe (.json) beside its weights. Models in polynomial
 * form are read by `PolynomialModel.load`. Cost: the weights in memory, as float32.
 * @throws MissingFileError where there is no such folder, UsageError for a polynomial model; ConfigError, FormatError and
 * WeightError for a folder that is no such model, a damaged one, or one of an unknown family
 */
export async function loadModel(folder: string): Promise<TrainedModel> {
  if (!existsSync(folder)) throw new MissingFileError(`there is no ${folder}: give the folder of a trained model`);
  if (isPolynomialModel(folder))
    throw new UsageError(`${folder} holds a model in polynomial form: PolynomialModel.load reads it, compile takes it`);
  const inRun = join(folder, 'model');
  const path = existsSync(join(inRun, 'config.json')) ? inRun : folder;
  const model = load(path);
  return { ...model, folder, name: basename(folder), tokenizer: tokenizerOf(path, model) };
}

/** The tokenizer of a model's folder; undefined for models of images, and where the folder has none. Errors as loadTokenizer. */
export function tokenizerOf(folder: string, { config }: Model): Tokenizer | undefined {
  if (config.embedding.kind !== 'token') return undefined;
  if (folder.endsWith('.json')) return loadModelTokenizer(folder);
  const files = ['tokenizer.json', 'vocab.txt', 'vocab.json'].flatMap((name) => [name, `${name}.gz`]);
  return files.some((name) => existsSync(join(folder, name))) ? loadTokenizer(folder) : undefined;
}

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { AnswerKind, Tokenizer } from '@cipherformer/model';
import { isPolynomialModel } from '@cipherformer/model/files';
import {
  answerKind,
  loadModel as load,
  loadModelTokenizer,
  loadTokenizer,
  type Model,
  modelPath,
  Predictor,
} from '@cipherformer/nn';
import type { Inputs } from '../input/input.ts';
import type { InputForm } from '../input/seen.ts';
import { type Predictions, type PredictOptions, predictAll } from './prediction.ts';

/** Where the parts of a model are. */
export interface LoadModelOptions {
  /** The folder that paths of weights in an adapter recipe start from. Default: the recipe's own. */
  readonly root?: string;
}

/** What to say of a model of pictures whose folder does not say how they were normalised; undefined for others. */
export const processorMissing = ({ config, preprocess }: Model, folder: string): string | undefined =>
  config.embedding.kind === 'patch' && preprocess.normalise === undefined
    ? `${folder} has no preprocessor_config.json: pictures are taken as values from 0 to 1. If it was trained on others, its answers are wrong until that file is there`
    : undefined;

/** A trained transformer, as it was before any conversion. */
export interface TrainedModel extends Model, AsyncDisposable {
  /** The folder that was given. */
  readonly folder: string;
  /** That folder's name: what records of a conversion call it. */
  readonly name: string;
  /** What cuts its texts into tokens; undefined for models of images, and for texts where the folder has none. */
  readonly tokenizer: Tokenizer | undefined;
  /** What its outputs are: one class of several, labels, numbers, ... */
  readonly kind: AnswerKind;
  /**
   * What the model says of an input, or of several in their order: what it saw, labels with their scores, logits (a row a token
   * where its head is one for tokens; of a language model those of the next token) or an embedding. Needs ONNX Runtime.
   * @throws UsageError, DataError for what is no input of this model, before any is computed; MissingPackageError without ONNX
   * Runtime
   */
  predict(inputs: Inputs, options?: PredictOptions): Promise<Predictions>;
  /** Releases what `predict` holds. */
  close(): Promise<void>;
}

/**
 * Reads a trained transformer: a folder of Hugging Face (docs/models.md lists the families) with its tokenizer or image processor, a
 * folder that training made (a run's or its model's), or an adapter recipe (.json) beside its weights. Models in polynomial
 * form are read by `PolynomialModel.load`. Cost: the weights in memory, as float32.
 * @throws MissingFileError where there is no such folder, UsageError for a polynomial model; ConfigError, FormatError and
 * WeightError for a folder that is no such model, a damaged one, or one of an unknown family
 */
export async function loadModel(folder: string, { root }: LoadModelOptions = {}): Promise<TrainedModel> {
  const path = modelPath(folder);
  if (isPolynomialModel(path))
    throw new UsageError(`${folder} holds a model in polynomial form: PolynomialModel.load reads it, compile takes it`);
  const model = load(path, root ?? dirname(path));
  const tokenizer = tokenizerOf(path, model, root);
  const predictor = new Predictor(model);
  const kind = answerKind(model.config);
  const asked = {
    form: formOf(model, tokenizer),
    kind,
    classes: model.preprocess.classes,
    say: async (seen: Parameters<Predictor['outputs']>[0]) => {
      const rows = (await predictor.outputs(seen)).map((row) => [...row]);
      return { logits: predictor.perToken ? rows : rows[0]! };
    },
  };
  const close = () => predictor.close();
  return {
    ...model,
    folder,
    name: basename(folder),
    tokenizer,
    kind,
    predict: (inputs, options) => predictAll(asked, inputs, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The tokenizer of a model's folder; undefined for models of images, and where the folder has none. Errors as loadTokenizer. */
export function tokenizerOf(folder: string, { config }: Model, root?: string): Tokenizer | undefined {
  if (config.embedding.kind !== 'token') return undefined;
  if (folder.endsWith('.json')) return loadModelTokenizer(folder, root);
  const files = ['tokenizer.json', 'vocab.txt', 'vocab.json'].flatMap((name) => [name, `${name}.gz`]);
  return files.some((name) => existsSync(join(folder, name))) ? loadTokenizer(folder) : undefined;
}

function formOf({ config, preprocess: { normalise, picture } }: Model, tokenizer: Tokenizer | undefined): InputForm {
  const { embedding } = config;
  if (embedding.kind === 'patch') {
    const { bias: _, kind: __, ...patches } = embedding;
    const plain = { mean: Array(patches.channels).fill(0), deviation: Array(patches.channels).fill(1) };
    const preprocess = {
      kind: 'image',
      patches,
      normalise: normalise ?? plain,
      ...(picture ? { picture } : {}),
    } as const;
    return { kind: 'image', preprocess };
  }
  const tokens = Math.min(embedding.maxTokens, tokenizer?.maxTokens ?? Number.POSITIVE_INFINITY);
  return { kind: 'text', tokenizer, tokens, keeps: 'beginning' };
}

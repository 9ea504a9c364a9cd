import {
  checkPolynomialModel,
  type ImagePreprocess,
  type ModelCard,
  type PolynomialModel,
  type TokenizerFiles,
  type Weights,
} from '@cipherformer/model';
import type { ModelConfig } from '../transformer/config.ts';
import { type LowerOptions, lower } from './lower.ts';
import { lowerEmbedding, lowerPatchEmbedding } from './lower-embedding.ts';
import { checkSupported } from './supported.ts';

export interface PolynomialModelSource {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly normalise?: ImagePreprocess['normalise'];
  readonly picture?: ImagePreprocess['picture'];
  readonly classes?: readonly string[];
  readonly tokenizer?: TokenizerFiles;
  /** The padding token; default 0. */
  readonly padding?: number;
  readonly card: ModelCard;
}

/** Lowers a model and its client side together. Calibrate its graph before saving. @throws what `lower` throws */
export function makePolynomialModel(source: PolynomialModelSource, options: LowerOptions = {}): PolynomialModel {
  const { config, weights, classes, card } = source;
  const graph = lower(config, weights, options);
  const model: PolynomialModel = {
    task: checkSupported(config),
    ...(config.head.problem && { problem: config.head.problem }),
    graph,
    preprocess: preprocessOf(source, graph.tokens),
    ...(classes && { classes }),
    card,
  };
  checkPolynomialModel(model, 'the model');
  return model;
}

function preprocessOf(source: PolynomialModelSource, tokens: number): PolynomialModel['preprocess'] {
  const { config, weights, tokenizer } = source;
  if (config.embedding.kind === 'patch') {
    const { kind: _, bias: __, norm: ___, extraTokens: ____, ...patches } = config.embedding;
    const windows = config.stages ? { window: config.stages.window } : {};
    const { channels } = patches;
    const embedding = lowerPatchEmbedding(config, weights);
    const plain = { mean: new Array<number>(channels).fill(0), deviation: new Array<number>(channels).fill(1) };
    return {
      kind: 'image',
      patches: { ...patches, ...windows },
      normalise: source.normalise ?? plain,
      ...(source.picture && { picture: source.picture }),
      ...(embedding && { embedding }),
    };
  }
  const embedding = lowerEmbedding(config, weights, tokens)!;
  return { kind: 'text', embedding, padding: source.padding ?? 0, ...(tokenizer && { tokenizer }) };
}

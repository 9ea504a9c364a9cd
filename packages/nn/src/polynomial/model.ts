import { ConfigError, ShapeError } from '../errors.ts';
import { checkPatches, type ModelConfig, type PatchConfig, patchGrid } from '../model/config.ts';
import type { Normalisation } from '../model/pixels.ts';
import type { Weights } from '../model/weights.ts';
import type { TokenizerFiles } from '../text/bpe.ts';
import { lowerEmbedding, type TokenEmbedding } from './embedding.ts';
import type { PolynomialGraph } from './graph.ts';
import { type LowerOptions, lower } from './lower.ts';
import { valueShapes } from './shapes.ts';

/** A model that runs on encrypted input, with all that its client needs: everything in it is public. */
export interface PolynomialModel {
  readonly task: ModelConfig['task'];
  readonly graph: PolynomialGraph;
  readonly preprocess: ImagePreprocess | TextPreprocess;
  /** Names of the outputs. */
  readonly classes?: readonly string[];
  readonly card: ModelCard;
}

export interface ImagePreprocess {
  readonly kind: 'image';
  /** How windows of pixels become patch vectors. */
  readonly patches: Omit<PatchConfig, 'kind' | 'bias'>;
  readonly normalise: Normalisation;
}

export interface TextPreprocess {
  readonly kind: 'text';
  readonly embedding: TokenEmbedding;
  /** The token that fills up the sequence. */
  readonly padding: number;
  /** Absent where texts come as token numbers. */
  readonly tokenizer?: TokenizerFiles;
}

/** Facts for people, printed in the model's README.md and by inspect. */
export interface ModelCard {
  readonly name: string;
  readonly description?: string;
  /** What it was trained, calibrated and measured on. */
  readonly data?: string;
  /** The metric at each stage of the conversion. */
  readonly stages?: readonly { readonly stage: string; readonly metric: string; readonly value: number }[];
  /** What polynomials stand for, by node. */
  readonly sites?: readonly SiteFacts[];
  /** Factor between the largest value seen in calibration and the bounds of the graph. */
  readonly margin?: number;
}

export interface SiteFacts {
  readonly name: string;
  readonly function: string;
  /** Largest error on the interval. */
  readonly error?: number;
}

export interface PolynomialModelSource {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly normalise?: ImagePreprocess['normalise'];
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
    task: config.task,
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
    const { kind: _, bias: __, ...patches } = config.embedding;
    const { channels } = patches;
    const plain = { mean: new Array<number>(channels).fill(0), deviation: new Array<number>(channels).fill(1) };
    return { kind: 'image', patches, normalise: source.normalise ?? plain };
  }
  const embedding = lowerEmbedding(config, weights, tokens)!;
  return { kind: 'text', embedding, padding: source.padding ?? 0, ...(tokenizer && { tokenizer }) };
}

/**
 * Checks that the graph is well formed and that the client's preparation makes the inputs it takes.
 * @throws ShapeError or ConfigError, `where` first
 */
export function checkPolynomialModel(model: PolynomialModel, where: string): void {
  const { graph, classes } = model;
  const shapes = valueShapes(graph);
  const inputs = new Map(
    graph.nodes.flatMap((node, i) => (node.op === 'input' ? [[node.name, shapes[i]!.columns]] : [])),
  );
  const made = checkPreparation(model, where);
  for (const [name, features] of inputs) {
    if (made.get(name) === features) continue;
    throw new ShapeError(
      `${where}: the graph takes an input "${name}" of ${features} features, preprocess makes ` +
        `${made.has(name) ? `${made.get(name)}` : 'none'}.`,
    );
  }
  const { rows, columns: outputs } = shapes[graph.output]!;
  if (rows !== 1) throw new ShapeError(`${where}: the output has ${rows} rows where one row [1, outputs] is needed.`);
  if (classes && classes.length !== outputs) {
    throw new ShapeError(`${where}: ${classes.length} classes are named for ${outputs} outputs.`);
  }
}

/**
 * Checks that a preparation goes with its task and that its tables fit its number of tokens.
 * @returns the inputs it makes, with their features
 * @throws ShapeError or ConfigError, `where` first
 */
export function checkPreparation(
  { task, graph: { tokens }, preprocess }: Pick<PolynomialModel, 'task' | 'preprocess'> & { graph: { tokens: number } },
  where: string,
): Map<string, number> {
  if ((preprocess.kind === 'image') !== (task === 'image-classification')) {
    throw new ConfigError(`${where}: preprocess.kind "${preprocess.kind}" does not go with the task ${task}.`);
  }
  if (preprocess.kind === 'image') {
    checkPatches(preprocess.patches, `${where}: preprocess.patches`);
    const { channels, patch, classToken } = preprocess.patches;
    const { rows, columns } = patchGrid(preprocess.patches);
    const made = rows * columns + (classToken ? 1 : 0);
    if (made !== tokens) {
      throw new ShapeError(`${where}: preprocess.patches makes ${made} tokens, the graph takes ${tokens}.`);
    }
    for (const field of ['mean', 'deviation'] as const) {
      if (preprocess.normalise[field].length !== channels) {
        throw new ShapeError(`${where}: preprocess.normalise.${field} needs ${channels} values, one a channel.`);
      }
    }
    return new Map([['patches', channels * patch ** 2]]);
  }
  const { embedding, padding } = preprocess;
  checkEmbedding(embedding, tokens, where);
  if (padding >= embedding.token.rows) {
    throw new ShapeError(`${where}: preprocess.padding is ${padding} of ${embedding.token.rows} entries.`);
  }
  const made = new Map([
    ['embedded', embedding.token.columns],
    ['pooling', 1],
  ]);
  return task === 'text-classification' ? made.set('mask', 1) : made;
}

function checkEmbedding({ token, position, norm }: TokenEmbedding, tokens: number, where: string): void {
  const expect = (fits: boolean, field: string, needed: string) => {
    if (!fits) throw new ShapeError(`${where}: preprocess.embedding.${field} has to be ${needed}.`);
  };
  const width = token.columns;
  expect(token.rows > 0, 'token', 'a table of at least one entry');
  if (position) {
    expect(position.rows === tokens && position.columns === width, 'position', `[${tokens}, ${width}]`);
  }
  if (norm) {
    expect(norm.gain.length === width, 'norm.gain', `${width} values`);
    const { kind, bias } = norm;
    expect(
      kind === 'layer' ? bias?.length === width : bias === undefined,
      'norm.bias',
      `${width} values for layer, absent for rms`,
    );
  }
}

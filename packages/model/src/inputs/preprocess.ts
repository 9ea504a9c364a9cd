import { ConfigError, ShapeError } from '../errors.ts';
import { checkSteps, type PictureSteps } from '../images/picture-steps.ts';
import type { TokenizerFiles } from '../text/tokenizer.ts';
import type { EmbeddingNorm, PatchEmbedding, TokenEmbedding } from './embedding.ts';
import { checkPatches, type PatchGeometry, patchGrid } from './patches.ts';
import type { Normalisation } from './pixels.ts';

/** What a model is for. token-classification: a class for every token. text-embedding: one vector for a text, which its reader brings to length 1. */
export type Task =
  | 'image-classification'
  | 'text-classification'
  | 'token-classification'
  | 'language-model'
  | 'text-embedding';

/** What the outputs of a classifier are where they do not choose one class: labels of which several may hold, or numbers. */
export type Problem = 'multi-label' | 'regression';

/** What a client does with an input before it encrypts: all that it has to know of a model. */
export interface InputPreparation {
  readonly task: Task;
  readonly preprocess: ImagePreprocess | TextPreprocess;
  /** Of the graph, its public length alone. */
  readonly graph: { readonly tokens: number };
}

export interface ImagePreprocess {
  readonly kind: 'image';
  /** How windows of pixels become patch vectors. */
  readonly patches: PatchGeometry;
  readonly normalise: Normalisation;
  /** How a picture of any size becomes the model's; absent where only pictures of its size are taken. */
  readonly picture?: PictureSteps | undefined;
  /** What the client makes of patch vectors; absent where the graph takes them as they are. */
  readonly embedding?: PatchEmbedding;
}

export interface TextPreprocess {
  readonly kind: 'text';
  readonly embedding: TokenEmbedding;
  /** The token that fills up the sequence. */
  readonly padding: number;
  /** Absent where texts come as token numbers. */
  readonly tokenizer?: TokenizerFiles;
}

/**
 * Checks that a preparation goes with its task and that its tables fit its number of tokens.
 * @returns the inputs it makes, with their features
 * @throws ShapeError or ConfigError, `where` first
 */
export function checkPreparation(
  { task, graph: { tokens }, preprocess }: InputPreparation,
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
    if (preprocess.picture) checkSteps(preprocess.picture, preprocess.patches, `${where}: preprocess.picture`);
    for (const field of ['mean', 'deviation'] as const) {
      if (preprocess.normalise[field].length !== channels) {
        throw new ShapeError(`${where}: preprocess.normalise.${field} needs ${channels} values, one a channel.`);
      }
    }
    const values = channels * patch ** 2;
    const { embedding } = preprocess;
    if (!embedding) return new Map([['patches', values]]);
    if (classToken) throw new ConfigError(`${where}: preprocess.embedding has no place for a class token.`);
    checkPatchEmbedding(embedding, values, where);
    return new Map([['embedded', embedding.weight.rows]]);
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
  return task === 'language-model' ? made : made.set('mask', 1);
}

/** A check of an embedding's tables. @throws ShapeError for one that does not fit */
const expecting = (where: string) => (fits: boolean, field: string, needed: string) => {
  if (!fits) throw new ShapeError(`${where}: preprocess.embedding.${field} has to be ${needed}.`);
};

function checkPatchEmbedding({ weight, bias, norm }: PatchEmbedding, values: number, where: string): void {
  const expect = expecting(where);
  expect(weight.columns === values, 'weight', `[width, ${values}]`);
  if (bias) expect(bias.length === weight.rows, 'bias', `${weight.rows} values`);
  checkNorm(norm, weight.rows, where);
}

function checkNorm({ kind, gain, bias }: EmbeddingNorm, width: number, where: string): void {
  const expect = expecting(where);
  expect(gain.length === width, 'norm.gain', `${width} values`);
  expect(
    kind === 'layer' ? bias?.length === width : bias === undefined,
    'norm.bias',
    `${width} values for layer, absent for rms`,
  );
}

function checkEmbedding({ token, position, segment, norm }: TokenEmbedding, tokens: number, where: string): void {
  const expect = expecting(where);
  const width = token.columns;
  expect(token.rows > 0, 'token', 'a table of at least one entry');
  if (position) {
    expect(position.rows === tokens && position.columns === width, 'position', `[${tokens}, ${width}]`);
  }
  if (segment) expect(segment.rows > 1 && segment.columns === width, 'segment', `[2 or more, ${width}]`);
  if (norm) checkNorm(norm, width, where);
}

// Programs of 28 x 28 pictures and of headlines on an insecure ring, and a service of them that can be killed.
import { join } from 'node:path';
import { type PolynomialModel, prepareInput } from '@cipherformer/model';
import { loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import { pixelsOf, testImages } from '../../../packages/cipherformer/src/demo/samples.ts';
import { Numbers, type TransformerShape, transformer } from '../../../packages/compiler/test/passes/graphs.ts';
import { type ServiceProcess, startListening } from '../../../packages/service/test/killable.ts';

const root = join(import.meta.dirname, '../../..');

const shape: TransformerShape = {
  ...{ tokens: 16, features: 49, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 1, outputs: 10 },
  pooling: 'mean',
};

/** As a conversion writes it down. */
const story = {
  description: 'Random weights, for tests of the page.',
  stages: [
    { stage: 'original', metric: 'accuracy, validation', value: 0.25 },
    { stage: 'polynomial', metric: 'accuracy, validation', value: 0.24 },
  ],
};

/** A classifier of MNIST's digits with random weights. @param margin of its range over what digits need; below 1 no digit is in range */
export function smallModel(margin = 2): PolynomialModel {
  const preprocess: PolynomialModel['preprocess'] = {
    kind: 'image',
    patches: {
      ...{ channels: 1, height: 28, width: 28, patch: 7, stride: 7, padding: 0 },
      ...{ order: 'channel-first', classToken: false },
    },
    normalise: { mean: [0.13], deviation: [0.31] },
  };
  const writer = transformer(shape, 5);
  writer.nodes[0] = { ...writer.nodes[0]!, name: 'patches' };
  const task = 'image-classification';
  const images = testImages();
  const preparation = { task, preprocess, graph: { tokens: shape.tokens } } as const;
  const inputs = Array.from({ length: 100 }, (_, k) => prepareInput(preparation, { pixels: pixelsOf(images, k) }));
  const graph = writer.calibrated(inputs, margin);
  return { task, graph, preprocess, classes: [...'0123456789'], card: { name: 'small digits', ...story } };
}

const headlineShape: TransformerShape = {
  ...{ tokens: 16, features: 8, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 1, outputs: 4 },
  pooling: 'mean',
};
const headlines = [
  'Ministers meet in Geneva',
  'Late goal sends the underdogs through',
  'Central bank holds interest rates',
  'New telescope finds water vapour around a distant planet',
  'A',
  'Nobody knows what is written here, and nobody has to know it at all, for it is a long text of no use',
];

/** Public documents of the search: a score each. */
export const documents = [
  ...headlines,
  ...Array.from({ length: 18 }, (_, k) => `Number ${k + 1} of some more lines, which nobody has written before`),
  // Long, of two lines, and with what a page must not take for its own.
  `A long one: ${'many words that say little, and then some more of them, '.repeat(8)}\nand <b>its</b> end`,
];

/** A search among them, its scores a public matrix of random weights, with the words of the repository's own headlines. */
export function smallSearch(): PolynomialModel {
  const { classes: _, ...model } = smallHeadlines({ outputs: documents.length });
  return { ...model, documents, card: { ...model.card, name: 'small search' } };
}

/** A classifier of headlines with random weights, and the words of the repository's own. */
export function smallHeadlines({ outputs = headlineShape.outputs } = {}): PolynomialModel {
  const { preprocess: real, classes } = loadPolynomialModel(join(root, 'models/ag-news-bert-tiny-polynomial'));
  if (real.kind !== 'text') throw new Error('the model of headlines takes no texts');
  const token = new Numbers(3).matrix(real.embedding.token.rows, headlineShape.features, 1);
  const preprocess = { kind: 'text', padding: real.padding, embedding: { token }, tokenizer: real.tokenizer! } as const;
  const task = 'text-classification';
  const writer = transformer({ ...headlineShape, outputs }, 11);
  writer.nodes[0] = { ...writer.nodes[0]!, name: 'embedded' };
  const preparation = { task, preprocess, graph: { tokens: headlineShape.tokens } } as const;
  const inputs = headlines.map((text) => prepareInput(preparation, { text }));
  const graph = writer.calibrated(inputs, 2);
  return { task, graph, preprocess, classes: classes!, card: { name: 'small headlines', ...story } };
}

/** Compiles a model below `folder`. @returns its folder, from which the service takes the program and what it gives away */
export async function smallProgram(folder: string, name: string, model: PolynomialModel): Promise<string> {
  savePolynomialModel(join(folder, name), model);
  return join(folder, name);
}

/** What `startService` of the service is told by a test. */
export interface SmallService {
  /** Of polynomial models; they are compiled for the insecure ring of tests. */
  readonly folders: readonly string[];
  readonly data: string;
  readonly page?: string;
  readonly publishModel?: boolean;
  readonly port?: number;
  readonly open?: boolean;
  readonly allowOrigins?: readonly string[];
}

/** Starts a service as a process. @param port that of an earlier one, to start it again */
export async function startService(options: SmallService): Promise<ServiceProcess> {
  return startListening([join(import.meta.dirname, 'insecure-service.mjs'), JSON.stringify(options)]);
}

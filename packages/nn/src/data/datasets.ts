import { join } from 'node:path';
import { ConfigError, DataError, encodeTexts, type Tokenizer } from '@cipherformer/model';
import { encodeLong, makeTokenizer } from '../text/tokenizers.ts';
import type { DataConfig } from './config.ts';
import { readCorpus } from './corpus.ts';
import { type CorpusDataSet, corpusDataSet, type DataSet, type ImageDataSet, imageDataSet, type TextDataSet, textDataSet } from './dataset.ts'; // biome-ignore format: one list
import { type Examples, gatherExamples } from './examples.ts';
import { type ImageSet, readCifar10, readCifar100, readMnist, sliceImages } from './images.ts';
import { type DataTarget, loadOwnData, type OwnData } from './own-data.ts';
import { checkEveryClass, readClasses, readPictures } from './pictures.ts';
import type { DataReport } from './report.ts';
import type { EncodedTexts } from './splits.ts';
import { readTexts, type TextSet } from './texts.ts';

export interface LoadOptions extends DataTarget {
  /** The folder that the configuration's paths start from. Default: the current one. */
  readonly root?: string;
  /** A tokenizer already made (that of a model to be evaluated, say) instead of the configuration's way to one. */
  readonly tokenizer?: Tokenizer;
}

/**
 * Reads data as people have it, for a model: the options say what its classes, tokens and images are.
 * @throws as loadOwnData
 */
export async function load(data: OwnData, options?: LoadOptions): Promise<DataSet & { readonly report: DataReport }>;
/**
 * Reads a data set: files that a recipe's data part names, or examples that the caller has in memory. All of it is in
 * memory then; texts of files are cut into tokens when a part of the set is first asked for.
 * @throws DataError naming the file and line, or the part and example, and the value that is wrong
 * @throws ConfigError for what the configuration asks and the data cannot give; errors of reading tokenizer files
 */
export async function load(config: DataConfig | Examples, options?: LoadOptions): Promise<DataSet>;
export async function load(config: DataConfig | Examples | OwnData, options?: LoadOptions): Promise<DataSet>;
export async function load(config: DataConfig | Examples | OwnData, options: LoadOptions = {}): Promise<DataSet> {
  if ('from' in config) return loadOwnData(config, options, { root: options.root ?? '', tokenizer: options.tokenizer });
  if (!('kind' in config)) return gatherExamples(config, options.root ?? '.', options.tokenizer);
  switch (config.kind) {
    case 'mnist':
    case 'cifar10':
    case 'cifar100':
    case 'pictures':
      return loadImages(config, options);
    case 'texts':
      return loadTexts(config, options);
    case 'corpus':
      return loadCorpus(config, options);
    case 'self-written':
      throw new ConfigError(
        'Texts that a model writes itself ("self-written") come with its conversion: give the recipe to convert.',
      );
  }
}

type ImageConfig = DataConfig & { kind: 'mnist' | 'cifar10' | 'cifar100' | 'pictures' };

/** The images of either part, and how many classes they have, or what they are called. */
async function readImages(config: ImageConfig, root: string) {
  const at = (paths: readonly string[]) => paths.map((path) => join(root, path));
  switch (config.kind) {
    case 'mnist': {
      const read = ({ images, labels }: typeof config.train) => readMnist(join(root, images), join(root, labels));
      return { all: read(config.train), test: read(config.test), outputs: 10 };
    }
    case 'cifar10':
      return { all: readCifar10(at(config.train)), test: readCifar10(at(config.test)), outputs: 10 };
    case 'cifar100':
      return { all: readCifar100(at(config.train)), test: readCifar100(at(config.test)), outputs: 100 };
    case 'pictures': {
      const classes = readClasses(join(root, config.classes));
      const read = (paths: readonly string[]) => readPictures(at(paths), classes, config.image);
      const all = await read(config.train);
      checkEveryClass(all, classes, join(root, config.classes));
      return { all, test: await read(config.test), outputs: classes.length, classes: classes.map(({ name }) => name) };
    }
  }
}

async function loadImages(config: ImageConfig, { root = '.' }: LoadOptions): Promise<ImageDataSet> {
  const { all, test, outputs, classes } = await readImages(config, root);
  const size = ({ channels, height, width }: ImageSet) => `${channels} x ${height} x ${width}`;
  if (size(test) !== size(all))
    throw new DataError(
      `data.test holds images of ${size(test)}, data.train of ${size(all)}: give two parts of one data set.`,
    );
  const held = heldOut(all.count, config.validation);
  const parts = {
    train: sliceImages(all, 0, Math.min(held, config.limit ?? held)),
    validation: sliceImages(all, held, all.count),
    test,
  };
  const { channels, height, width } = all;
  return imageDataSet((name) => parts[name], {
    outputs,
    ...(classes && { classes }),
    image: { channels, height, width },
    normalise: config.normalise,
  });
}

/** Where the examples that are held out begin. @throws ConfigError where none is left before them */
function heldOut(count: number, validation: number): number {
  if (validation >= count)
    throw new ConfigError(
      `data.validation holds out ${validation} of ${count} training examples: leave some to train on.`,
    );
  return count - validation;
}

async function loadTexts(
  config: DataConfig & { kind: 'texts' },
  { root = '.', ...given }: LoadOptions,
): Promise<TextDataSet> {
  const { classes, tokens } = config;
  const read = (path: string) => readTexts(join(root, path), config.columns, classes.length);
  const all = await read(config.train);
  const held = heldOut(all.texts.length, typeof config.validation === 'number' ? config.validation : 0);
  const part = (from: number, to: number): TextSet => ({
    texts: all.texts.slice(from, to),
    labels: all.labels.slice(from, to),
  });
  const parts = {
    train: part(0, Math.min(held, config.limit ?? held)),
    validation: typeof config.validation === 'number' ? part(held, all.texts.length) : await read(config.validation),
    test: await read(config.test),
  };
  const tokenizer = given.tokenizer ?? makeTokenizer(config.tokenizer, all.texts.slice(0, held), root);
  const encode = ({ texts, labels }: TextSet): EncodedTexts => ({ ids: encodeTexts(texts, tokenizer, tokens), labels });
  return textDataSet((name) => encode(parts[name]), { classes, tokens, tokenizer });
}

function loadCorpus(config: DataConfig & { kind: 'corpus' }, { root = '.', ...given }: LoadOptions): CorpusDataSet {
  const { files, split, tokens } = config;
  const paths = files.map((file) => join(root, file));
  const corpus = readCorpus(paths, split);
  const tokenizer = given.tokenizer ?? makeTokenizer(config.tokenizer, corpus.train, root);
  return corpusDataSet(
    (name) => {
      const texts = corpus[name];
      const streams = texts.map((text) => encodeLong(text, tokenizer));
      if (!streams.some(({ length }) => length > 1))
        throw new DataError(
          `The ${name} part of ${files.join(', ')} has no token to predict: give it a larger share in data.split.`,
        );
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      const words = texts.reduce((sum, text) => sum + text.split(/\s+/).filter(Boolean).length, 0);
      return { streams, characters, words };
    },
    { tokens, tokenizer },
  );
}

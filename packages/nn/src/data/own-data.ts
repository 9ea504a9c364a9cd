import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, DataError, type Normalisation, type PictureSteps, preparePicture, type Tokenizer } from '@cipherformer/model'; // biome-ignore format: one list
import { Random } from '../random.ts';
import { type Labels, matchLabels } from '../sources/labels.ts';
import { type Columns, isMisfit, Misfits, type Source, type SourceExample } from '../sources/source.ts';
import { type DataSet, imageDataSet, textDataSet } from './dataset.ts';
import { type ImageSet, type ImageShape, imageSize } from './images.ts';
import { openSources } from './open-sources.ts';
import { type DataReport, reportOf } from './report.ts';
import { type SplitName, splitNames } from './splits.ts';

/** Data as people have it: a table, a folder of tables, of pictures by class, of IDX files or of CIFAR binaries. */
export interface OwnData {
  readonly from: string;
  /** Further paths for parts that `from` does not have. */
  readonly validation?: string;
  readonly test?: string;
  /** Columns of tables. Default: guessed by their names, and told in the report. */
  readonly columns?: Columns;
  /** Of the split that is made where parts are missing. Default 1; it is told in the report. */
  readonly seed?: number;
  /** Leave out rows that are not understood, and count them, instead of refusing the data. Default false. */
  readonly skip?: boolean;
}

/** What data is prepared for: a model's own, where there is one. */
export interface DataTarget {
  /** The classes that labels have to be among (id2label). Default: those of the data. */
  readonly classes?: readonly string[];
  /** How many classes there are, where neither they nor labels say it. */
  readonly outputs?: number;
  /** false: the model chooses no class, so that labels of the data say nothing to it; they are not read. */
  readonly labels?: boolean;
  /** Tokens that a text is cut to; texts need it, and a tokenizer. */
  readonly tokens?: number;
  /** The shape of images and how pictures come to it. Default: that of the first picture, which all have to have. */
  readonly image?: ImageShape & { readonly normalise?: Normalisation; readonly picture?: PictureSteps };
}

/** Shares of a part that is held out where there is none. */
const heldShare = 0.1;

/** An example as it is kept: tokens or bytes, its label, and what tells it from others. */
interface Kept {
  readonly value: Int32Array | Uint8Array;
  readonly label: string | undefined;
  readonly digest: string;
}

/**
 * Reads data of any of these kinds, one example after the other; what is kept is what the model sees.
 * @throws DataError for rows that are not understood (a count and the first three), labels that are none of the classes
 * (a table), pictures of another size; ConfigError for columns that are not there, texts without a tokenizer
 */
export async function loadOwnData(
  data: OwnData,
  target: DataTarget,
  { root, tokenizer }: { readonly root: string; readonly tokenizer?: Tokenizer | undefined },
): Promise<DataSet & { readonly report: DataReport }> {
  const unlabelled = target.labels === false;
  const columns = { ...data.columns, ...(unlabelled ? { unlabelled } : {}) };
  const sources = await openParts({ ...data, columns }, root);
  const [first] = sources as [Source];
  if (sources.some(({ kind }) => kind !== first.kind))
    throw new ConfigError(`${data.from} has texts and images: give one kind.`);
  if (first.kind === 'image' && target.tokens !== undefined && !target.image)
    throw new ConfigError(`${data.from} has pictures, the model takes texts: give a table of texts.`);
  if (first.kind === 'text' && target.image)
    throw new ConfigError(`${data.from} has texts, the model takes pictures: give a folder of pictures by class.`);
  const misfits = new Misfits();
  const keep = first.kind === 'text' ? textKeeper(target, tokenizer) : new ImageKeeper(target);
  const parts = new Map<SplitName | undefined, Kept[]>();
  for (const source of sources) {
    const part = parts.get(source.part) ?? [];
    parts.set(source.part, part);
    for await (const example of source.examples()) {
      const kept = isMisfit(example) ? example : keepOne(keep, example, unlabelled);
      if ('problem' in kept) misfits.add(kept);
      else part.push(kept);
    }
  }
  if (!data.skip) misfits.refuse(data.from);
  const seed = data.seed ?? 1;
  const { split, made } = completeSplit(parts, seed, data.from);
  const all = splitNames.flatMap((name) => split.get(name) ?? []);
  const labelled = all.every(({ label }) => label !== undefined);
  if (!labelled && all.some(({ label }) => label !== undefined))
    throw new DataError(`${data.from} has labels in some of its parts only: leave the others out, or label them.`);
  const counts = new Map<string, number>();
  for (const { label } of all) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  const known = { stored: storedNames(sources), model: target.classes };
  const labels: Labels = labelled
    ? matchLabels(counts, known, data.from)
    : { classes: target.classes ?? Array.from({ length: target.outputs ?? 0 }, (_, i) => `${i}`), numbers: new Map() };
  const numbersOf = (kept: readonly Kept[]) => kept.map(({ label }) => labels.numbers.get(label ?? '') ?? 0);
  const part = (name: SplitName): Kept[] => {
    const found = split.get(name);
    if (!found) throw new DataError(`${data.from} has no ${name} examples: give some.`);
    return found;
  };
  const set =
    keep instanceof ImageKeeper
      ? keep.dataSet((name) => part(name), numbersOf, labels.classes)
      : textDataSet(
          (name) => ({ ids: part(name).map(({ value }) => value as Int32Array), labels: numbersOf(part(name)) }),
          { classes: labels.classes, tokens: target.tokens!, tokenizer: tokenizer! },
        );
  const report = reportOf({ from: data.from, columns: first.columns, asked: data.columns ?? {}, classes: labels.classes, labelled, split, numbersOf, made, seed, misfits }); // biome-ignore format: a line
  return Object.assign(set, { report });
}

async function openParts({ from, validation, test, columns = {} }: OwnData, root: string): Promise<Source[]> {
  const sources = await openSources(join(root, from), columns);
  for (const [part, path] of [
    ['validation', validation],
    ['test', test],
  ] as const) {
    if (path === undefined) continue;
    if (sources.some((source) => source.part === part))
      throw new ConfigError(`${from} has a ${part} part of its own: leave ${path} out.`);
    sources.push(...(await openSources(join(root, path), columns)).map((source) => ({ ...source, part })));
  }
  return sources.map((source) => ({ ...source, part: source.part ?? (sources.length > 1 ? 'train' : undefined) }));
}

/** The names of numbers, where all sources that have some agree. @throws DataError where they do not */
function storedNames(sources: readonly Source[]): readonly string[] | undefined {
  const all = sources.flatMap(({ classNames }) => (classNames ? [classNames] : []));
  const [first] = all;
  // Folders of a part may lack a class: names stand for themselves then.
  return first && all.every((names) => names.length === first.length && names.every((name, i) => name === first[i]))
    ? first
    : undefined;
}

interface Keeper {
  /** What the model sees of an example. @throws DataError for what does not fit */
  value(example: SourceExample): Int32Array | Uint8Array;
}

function keepOne(
  keeper: Keeper,
  example: SourceExample,
  unlabelled: boolean,
): Kept | { place: string; problem: string } {
  try {
    const value = keeper.value(example);
    const content = example.text ?? value;
    const digest = createHash('sha256').update(content).digest('base64').slice(0, 22);
    return { value, label: unlabelled ? undefined : example.label, digest };
  } catch (error) {
    if (error instanceof DataError) return { place: example.place, problem: error.message };
    throw error;
  }
}

function textKeeper({ tokens }: DataTarget, tokenizer: Tokenizer | undefined): Keeper {
  if (!tokenizer || tokens === undefined)
    throw new ConfigError('Texts need the tokenizer of a model and its number of tokens: give both.');
  return {
    value: ({ text }) => Int32Array.from(tokenizer.encodeInput(text!, { maxTokens: tokens }).ids),
  };
}

class ImageKeeper implements Keeper {
  #shape: ImageShape | undefined;
  readonly #target: DataTarget;

  constructor(target: DataTarget) {
    this.#target = target;
    this.#shape = target.image;
  }

  value({ picture }: SourceExample): Uint8Array {
    const { width, height, channels } = picture!;
    this.#shape ??= { width, height, channels: channels < 3 ? 1 : 3 };
    const shape = this.#shape;
    if (shape.channels !== 1 && shape.channels !== 3)
      throw new ConfigError(
        `Pictures have 1 or 3 channels, the model takes ${shape.channels}: give its numbers yourself.`,
      );
    const size = { channels: shape.channels, height: shape.height, width: shape.width } as const;
    return preparePicture(picture!, this.#target.image?.picture ?? {}, size, 'it');
  }

  dataSet(
    part: (name: SplitName) => readonly Kept[],
    numbersOf: (kept: readonly Kept[]) => number[],
    classes: readonly string[],
  ): DataSet {
    if (classes.length > 256)
      throw new ConfigError(`Images have labels of one byte, at most 256 classes: ${classes.length} are too many.`);
    const image = this.#shape!;
    const { channels, height, width } = image;
    const plain = { mean: new Array<number>(channels).fill(0), deviation: new Array<number>(channels).fill(1) };
    const images = (name: SplitName): ImageSet => {
      const kept = part(name);
      const pixels = new Uint8Array(kept.length * imageSize(image));
      for (const [i, { value }] of kept.entries()) pixels.set(value, i * value.length);
      return { channels, height, width, count: kept.length, pixels, labels: Uint8Array.from(numbersOf(kept)) };
    };
    const facts = { outputs: classes.length, classes, image: { channels, height, width } };
    return imageDataSet(images, { ...facts, normalise: this.#target.image?.normalise ?? plain });
  }
}

/** Parts that are missing are held out of the training examples, drawn by the seed. @throws DataError where too few are left */
function completeSplit(
  parts: ReadonlyMap<SplitName | undefined, Kept[]>,
  seed: number,
  where: string,
): { split: Map<SplitName, Kept[]>; made: SplitName[] } {
  const split = new Map<SplitName, Kept[]>();
  for (const name of splitNames) {
    const part = parts.get(name);
    if (part && part.length > 0) split.set(name, part);
  }
  const whole = parts.get('train') ?? parts.get(undefined) ?? [];
  const made = (['validation', 'test'] as const).filter((name) => !split.has(name));
  const held = Math.ceil(whole.length * heldShare);
  if (whole.length <= made.length * held)
    throw new DataError(`${where} has ${whole.length} training examples: too few to hold out ${made.join(' and ')}.`);
  const order = Random.derive(seed, 'split').permutation(whole.length);
  let from = 0;
  for (const name of made) {
    split.set(
      name,
      Array.from(order.subarray(from, from + held), (i) => whole[i]!),
    );
    from += held;
  }
  // In the order in which they stand in the data.
  split.set(
    'train',
    Array.from(order.subarray(from).slice().sort(), (i) => whole[i]!),
  );
  return { split, made };
}

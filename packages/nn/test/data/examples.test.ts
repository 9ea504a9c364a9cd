import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../../model/src/errors.ts';
import { batches } from '../../src/data/batches.ts';
import { parseData } from '../../src/data/config.ts';
import type { DataSet, ImageDataSet } from '../../src/data/dataset.ts';
import * as datasets from '../../src/data/datasets.ts';
import type { ImageExamples, TextExamples } from '../../src/data/examples.ts';
import type { ClassificationSplit } from '../../src/data/splits.ts';

const root = mkdtempSync(join(tmpdir(), 'examples-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Everything that a model sees of a set. */
function seen(data: DataSet) {
  const { feeds, examples, stepsPerEpoch } = batches(data, { batch: 4, seed: 3, labelSmoothing: 0.1 });
  const parts = (['train', 'validation', 'test'] as const).map((name) => {
    const part = data[name] as ClassificationSplit;
    return [
      part.count,
      part.classes,
      Array.from({ length: part.count }, (_, i) => part.label(i)),
      part.feeds(0, part.count + 1),
    ];
  });
  return structuredClone([examples, stepsPerEpoch, feeds(0), parts]);
}

describe('images in memory', () => {
  const digits = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
  const normalise = { mean: [0.1307], deviation: [0.3081], contrast: 1.1 };
  const fromFiles = () =>
    datasets.load(
      parseData({ data: { kind: 'mnist', train: digits, test: digits, validation: 20, normalise } }, 'test'),
      {
        root: import.meta.dirname,
      },
    ) as Promise<ImageDataSet>;
  const gathered = (part: ImageDataSet['train']) =>
    Array.from({ length: part.count }, (_, i) => ({
      pixels: part.images.pixels.subarray(i * 784, (i + 1) * 784),
      label: part.label(i),
    }));

  it('are the data set that the same files are', async () => {
    const files = await fromFiles();
    const [train, validation, test] = [files.train, files.validation, files.test].map(gathered);
    const { image } = files;
    const memory = await datasets.load({
      train: train!,
      validation: validation!,
      test: test!,
      classes: [...'0123456789'],
      image,
      normalise,
    });
    expect(memory).toMatchObject({ task: 'image-classification', outputs: 10, image, classes: [...'0123456789'] });
    expect(seen(memory)).toEqual(seen(files));
  });

  const image = { channels: 1, height: 1, width: 2 };
  const small =
    (train: ImageExamples['train'], more = {}) =>
    () =>
      datasets.load({ ...{ classes: ['a', 'b'], image, normalise }, train: train!, ...more });

  it('are refused by part, example and value', async () => {
    const good = { pixels: [0, 255], label: 1 };
    await expect(small([good, { pixels: [1], label: 0 }])()).rejects.toThrow(
      'train, example 1 has 1 values, an image 2 [1, 1, 2]',
    );
    for (const wrong of [256, -1, 0.5, Number.NaN])
      await expect(small([{ pixels: [0, wrong], label: 0 }])()).rejects.toThrow(
        `train, example 0 has the value ${wrong}: pixels are`,
      );
    for (const label of [2, -1, 0.5])
      await expect(small([good, { ...good, label }])()).rejects.toThrow(`train, example 1: the label ${label}`);
    await expect(small([good], { normalise: { mean: [0, 0], deviation: [1, 1] } })()).rejects.toThrow(
      /needs 1 means and deviations/,
    );
    await expect(small([good], { classes: Array.from({ length: 257 }, (_, i) => `${i}`) })()).rejects.toThrow(
      ConfigError,
    );
  });

  it('have the parts that were given, and say which was not', async () => {
    const data = await small([{ pixels: [0, 255], label: 1 }])();
    expect(data.train).toMatchObject({ count: 1, classes: 2 });
    expect(() => data.test).toThrow(DataError);
    expect(() => data.test).toThrow('The data has no test examples: give some as "test".');
    expect(() => batches(data, { batch: 2, seed: 1 })).toThrow('1 training examples do not fill a batch of 2');
  });
});

describe('texts in memory', () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({ text: `${'call me '.repeat(i + 1)}ishmael`, label: i % 2 }));
  const tokenizer = { kind: 'train-bpe' as const, size: 280, specials: ['[PAD]', '[CLS]', '[SEP]', '[UNK]'] };
  const given = { classes: ['no', 'yes'], tokens: 16, tokenizer };
  const parts = { train: rows, validation: rows.slice(0, 3), test: rows.slice(3) };
  const put = (name: string, examples: typeof rows) =>
    writeFileSync(join(root, name), examples.map((example) => `${JSON.stringify(example)}\n`).join(''));

  it('are the data set that the same files are, cut into tokens or not', async () => {
    for (const [name, examples] of Object.entries(parts)) put(`${name}.jsonl`, examples);
    const config = {
      kind: 'texts',
      train: 'train.jsonl',
      validation: 'validation.jsonl',
      test: 'test.jsonl',
      ...given,
    };
    const files = await datasets.load(parseData({ data: config }, 'test'), { root });
    const memory = await datasets.load({ ...parts, ...given });
    expect(memory).toMatchObject({ task: 'text-classification', outputs: 2, tokens: 16, classes: ['no', 'yes'] });
    expect(seen(memory)).toEqual(seen(files));
    const { encode, id } = memory.tokenizer!;
    const tokens = ({ text, label }: (typeof rows)[number]) => ({
      ids: [id('[CLS]')!, ...encode(text).slice(0, 14), id('[SEP]')!],
      label,
    });
    const cut = { train: parts.train.map(tokens), validation: parts.validation.map(tokens), test: parts.test };
    expect(seen(await datasets.load({ ...given, ...cut }, { tokenizer: memory.tokenizer! }))).toEqual(seen(files));
  });

  it('are refused by part, example and value', async () => {
    const load = (train: TextExamples['train'], more = {}) => datasets.load({ ...given, train: train!, ...more });
    const { tokenizer: made } = await load(rows);
    const ids = (values: readonly number[]) =>
      datasets.load({ ...given, test: [{ ids: values, label: 0 }] }, { tokenizer: made! });
    await expect(load([...rows, { text: ' ', label: 0 }])).rejects.toThrow('train, example 12: "text" is " "');
    await expect(load([{ text: 'a', label: 2 }])).rejects.toThrow('train, example 0: the label 2');
    await expect(ids([280])).rejects.toThrow('test, example 0 has the token 280: tokens are whole numbers from 0 to');
    await expect(ids([0.5])).rejects.toThrow(DataError);
    await expect(ids([])).rejects.toThrow('test, example 0 has 0 tokens: give 1 to 16.');
    await expect(ids(Array(17).fill(1))).rejects.toThrow(/17 tokens/);
    await expect(datasets.load({ classes: given.classes, tokens: 16, train: rows })).rejects.toThrow(ConfigError);
  });
});

it('a part gives every caller arrays of its own, so that two models can run on it at once', async () => {
  const image = { channels: 1, height: 1, width: 1 };
  const train = [0, 255].map((value) => ({ pixels: [value], label: 0 }));
  const data = await datasets.load({ classes: ['a', 'b'], image, normalise: { mean: [0], deviation: [1] }, train });
  const part = data.train as ClassificationSplit;
  const [first, second] = [part.feeds(0, 1), part.feeds(1, 1)];
  expect([first.images, second.images]).toEqual([Float32Array.of(0), Float32Array.of(1)]);
  expect(data.train).toBe(part);
});

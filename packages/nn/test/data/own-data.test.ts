import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../../model/src/errors.ts';
import { huggingFaceTokenizer } from '../../../model/src/text/tokenizer.ts';
import * as datasets from '../../src/data/datasets.ts';
import { reportLines } from '../../src/data/report.ts';
import { RowParser } from '../../src/sources/csv.ts';
import { readParquet } from '../../src/sources/parquet.ts';
import { wordPieceFiles } from '../../src/text/word-piece.ts';

/** With its report, which data of one's own always has. */
const load = async (...asked: Parameters<typeof datasets.load>) => {
  const data = await datasets.load(...asked);
  return Object.assign(data, { report: data.report! });
};

const root = mkdtempSync(join(tmpdir(), 'own-data-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const put = (name: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
  return name;
};

// Made by pyarrow: make_parquet.py beside this file.
const parquet = JSON.parse(readFileSync(join(import.meta.dirname, 'hugging-face.parquet.json'), 'utf8')) as Record<string, string>; // biome-ignore format: a line
const parquetFile = (name: string) => put(`${name}.parquet`, Buffer.from(parquet[name]!, 'base64'));
const pictures = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../model/test/references/pictures.json'), 'utf8'),
) as { name: string; file: string }[];
const png = Buffer.from(pictures.find(({ name }) => name === 'colours')!.file, 'base64');

const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'text', 'number', 'good', 'bad', 'a', 'b', '##c', '1', '##2'];
const options = { root, tokenizer: huggingFaceTokenizer(wordPieceFiles(entries)), tokens: 8 };
const rows = Array.from({ length: 40 }, (_, i) => ({ text: `text number ${i}`, label: i % 2 === 0 ? 'bad' : 'good' }));
const csv = (of = rows, delimiter = ',') =>
  ['text', 'label'].join(delimiter).concat('\n', ...of.map(({ text, label }) => `"${text}"${delimiter}${label}\n`));

describe('tables', () => {
  const forms: [string, string, string | Uint8Array][] = [
    ['commas', 'a.csv', csv()],
    ['semicolons and a byte order mark', 'b.csv', `\ufeff${csv(rows, ';')}`],
    ['tabs', 'c.tsv', `text\tlabel\n${rows.map(({ text, label }) => `${text}\t${label}\r\n`).join('')}`],
    ['JSON lines', 'd.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')],
    ['packed', 'e.csv.gz', gzipSync(csv())],
  ];
  it.each(forms)('%s', async (_, name, content) => {
    const data = await load({ from: put(name, content) }, options);
    expect(data.report).toMatchObject({
      columns: { text: 'text', label: 'label' },
      guessed: ['text', 'label'],
      classes: ['bad', 'good'],
      labelled: true,
      sizes: { train: 32, validation: 4, test: 4 },
      split: { made: ['validation', 'test'], seed: 1 },
      duplicates: { validation: 0, test: 0 },
      skipped: { count: 0 },
    });
    const { counts } = data.report;
    for (const c of [0, 1]) expect(counts.train![c]! + counts.validation![c]! + counts.test![c]!).toBe(20);
    // Every label is that of its text: even numbers are bad.
    const labels = Array.from({ length: 32 }, (_, i) => (data.train as { label(i: number): number }).label(i));
    expect(labels.filter((label) => label === 0).length).toBe(counts.train![0]);
    expect(reportLines(data.report).join('\n')).toMatch(/text "text" \(guessed\).*held out of training by seed 1/s);
  });

  it('the same seed splits alike, another otherwise', async () => {
    const from = put('seeds.csv', csv());
    const labels = async (seed: number) => {
      const { train, report } = await load({ from, seed }, options);
      expect(report.split.seed).toBe(seed);
      return Array.from({ length: 32 }, (_, i) => (train as { label(i: number): number }).label(i)).join('');
    };
    expect(await labels(3)).toBe(await labels(3));
    expect(await labels(3)).not.toBe(await labels(4));
  });

  it('rows that are not understood: a count and the first three, or left out when asked', async () => {
    const bad = ['only one cell', '"",good', 'a,', 'b,bad,more', ','];
    const from = put('bad.csv', csv() + bad.map((row) => `${row}\n`).join(''));
    const refused = await load({ from }, options).catch((error: Error) => error);
    expect(refused).toBeInstanceOf(DataError);
    expect((refused as Error).message).toMatch(
      /has 5 rows that are not understood:\n.*line 42: it has 1 cells where the first line has 2\n.*line 43: "text" is "", not a text\n.*line 44: "label" is "", not a label\n {2}and 2 more/,
    );
    const { report } = await load({ from, skip: true }, options);
    expect(report.skipped.count).toBe(5);
    expect(report.skipped.first).toHaveLength(3);
  });

  it('labels are matched to the classes of a model by name or number; others are shown as a table', async () => {
    const named = await load({ from: put('l.csv', csv()) }, { ...options, classes: ['GOOD', 'Bad'] });
    expect(named.report.counts.train![1]! + named.report.counts.test![1]! + named.report.counts.validation![1]!).toBe(
      20,
    );
    const numbers = rows.map(({ text }, i) => ({ text, label: `${i % 2}` }));
    const numbered = await load({ from: put('n.csv', csv(numbers)) }, { ...options, classes: ['no', 'yes'] });
    expect(numbered.report.classes).toEqual(['no', 'yes']);
    await expect(load({ from: 'l.csv' }, { ...options, classes: ['good', 'awful'] })).rejects.toThrow(
      /labels that are none of the classes:\n {2}"bad", 20 rows: no class\n {2}"good", 20 rows: class 0, "good"\nThe classes are 0 "good", 1 "awful"/,
    );
    await expect(load({ from: 'n.csv' }, { ...options, classes: ['a'] })).rejects.toThrow(/"1", 20 rows: no class/);
  });

  it('columns are named, or the message says which there are', async () => {
    const from = put('named.csv', 'words,mark\na,x\n'.concat('b,y\n'.repeat(30)));
    await expect(load({ from }, options)).rejects.toThrow(/columns "words", "mark": say which is the text/);
    await expect(load({ from, columns: { text: 'word' } }, options)).rejects.toThrow(/has no column "word"; it has/);
    const { report } = await load({ from, columns: { text: 'words', label: 'mark' } }, options);
    expect(report).toMatchObject({ guessed: [], classes: ['x', 'y'], duplicates: { validation: 4, test: 4 } });
  });

  it('without labels the model’s answers are learned', async () => {
    const { report } = await load({ from: put('plain.csv', `text\n${'a b\n'.repeat(20)}`) }, options);
    expect(report).toMatchObject({ labelled: false, columns: { text: 'text' } });
    expect(reportLines(report).join('\n')).toContain('the model’s own answers are learned');
  });

  it('pictures for a model of texts are refused, and texts for one of pictures', async () => {
    for (let i = 0; i < 12; i++) put(`shown/${i}.png`, png);
    await expect(load({ from: 'shown' }, options)).rejects.toThrow(/shown has pictures, the model takes texts/);
    const from = put('told.csv', csv());
    const image = { channels: 1, height: 2, width: 2 };
    await expect(load({ from }, { root, image })).rejects.toThrow(/told\.csv has texts, the model takes pictures/);
  });

  it('a folder of parts is not split again', async () => {
    for (const [name, of] of [['train', rows.slice(0, 20)], ['test', rows.slice(10, 30)]] as const) put(`parts/${name}.csv`, csv(of)); // biome-ignore format: a line
    const { report } = await load({ from: 'parts' }, options);
    expect(report).toMatchObject({ split: { made: ['validation'] }, sizes: { train: 18, validation: 2, test: 20 } });
    expect(report.duplicates.test).toBeGreaterThanOrEqual(8);
    await expect(load({ from: 'parts', test: 'l.csv' }, options)).rejects.toThrow(ConfigError);
  });

  it('a table that comes in pieces of any size gives the same rows', () => {
    const text = 'a,"b ""c""\r\nd"\r\n\ne,f\n"g",\n';
    const whole = (size: number) => {
      const parser = new RowParser('t', { delimiter: ',', quotes: true });
      const made = [];
      for (let at = 0; at < text.length; at += size) made.push(...parser.push(text.slice(at, at + size)));
      return [...made, ...parser.end()];
    };
    expect(whole(1000).map(({ line, cells }) => [line, ...cells])).toEqual([[1, 'a', 'b "c"\r\nd'], [4, 'e', 'f'], [5, 'g', '']]); // biome-ignore format: a line
    for (let size = 1; size < 12; size++) expect(whole(size), `pieces of ${size}`).toEqual(whole(1000));
  });
});

describe('Parquet as Hugging Face writes it', () => {
  const packed = Object.keys(parquet).filter((name) => name.startsWith('texts'));
  it.each(packed)('%s', async (name) => {
    const { report } = await load({ from: parquetFile(name) }, options);
    expect(report).toMatchObject({ columns: { text: 'sentence', label: 'label' }, classes: ['bad', 'good'] });
    const matched = await load({ from: parquetFile(name) }, { ...options, classes: ['good', 'bad'] });
    // 0 is "bad" in the file, and 1 in the model.
    expect(matched.report.counts.train).toEqual(report.counts.train!.toReversed());
    await expect(load({ from: parquetFile(name) }, { ...options, classes: ['x', 'y'] })).rejects.toThrow(/"0" \("bad"\), 20 rows: no class/); // biome-ignore format: a line
  });

  it('of version 2, by prefixes and by lengths: the same texts', async () => {
    const textsOf = async (name: string) => (await readParquet(Buffer.from(parquet[name]!, 'base64'), name, ['sentence', 'label'])); // biome-ignore format: a line
    const texts = await textsOf('texts snappy');
    expect(texts[39]).toEqual({ sentence: 'text number 39', label: 1n });
    for (const name of packed) expect(await textsOf(name), name).toEqual(texts);
  });

  it('gaps are told of by row, lists are refused', async () => {
    const rows = await readParquet(Buffer.from(parquet.gaps!, 'base64'), 'gaps', ['sentence', 'label']);
    expect(rows).toEqual(Array.from({ length: 60 }, (_, i) => ({ sentence: i % 3 ? `text ${Math.floor(i / 20)}` : null, label: i % 2 === 0 }))); // biome-ignore format: a line
    await expect(load({ from: parquetFile('gaps') }, options)).rejects.toThrow(/20 rows.*row 1: "sentence" is/s);
    await expect(load({ from: parquetFile('lists') }, options)).rejects.toThrow(/"sentence" holds lists/); // biome-ignore format: a line
  });

  it('a few bytes that stand for a gigabyte of texts are refused before they are decoded', async () => {
    const bytes = Buffer.from(parquet['one text again and again']!, 'base64');
    expect(bytes.length).toBeLessThan(10_000);
    const asked = readParquet(bytes, 'again', ['sentence', 'label']).then(({ length }) => length);
    await expect(asked).rejects.toThrow(/again holds more than 1073741824 bytes of texts or pictures at once/);
    await expect(asked).rejects.toThrow(DataError);
    await expect(load({ from: parquetFile('one text again and again') }, options)).rejects.toThrow(/holds more than/);
    // Their labels alone are few bytes.
    expect(await readParquet(bytes, 'again', ['label'])).toHaveLength(20_000);
  });

  it.each(['images snappy', 'images zstd'])('%s', async (name) => {
    const data = await load({ from: parquetFile(name) }, { root });
    expect(data).toMatchObject({ task: 'image-classification', image: { channels: 3, height: 3, width: 4 } });
    expect(data.report).toMatchObject({ classes: ['cat', 'dog', 'owl'], sizes: { train: 24, validation: 3, test: 3 } });
    const { images } = data.train as unknown as { images: { pixels: Uint8Array; labels: Uint8Array; count: number } };
    // The red of picture i is 6 i, its label i modulo 3.
    for (let i = 0; i < images.count; i++) expect(images.labels[i]).toBe((images.pixels[36 * i]! / 6) % 3);
  });
});

describe('pictures', () => {
  it('a folder for each class, scaled as the model wants them', async () => {
    for (let i = 0; i < 12; i++) put(`zoo/${i % 2 ? 'cat' : 'dog'}/${i}.png`, png);
    const picture = { resize: { to: { height: 5, width: 6 }, filter: 'bilinear' } } as const;
    const image = { channels: 3, height: 5, width: 6, picture, normalise: { mean: [0, 0, 0], deviation: [1, 1, 1] } };
    const data = await load({ from: 'zoo' }, { root, image, classes: ['dog', 'cat'] });
    expect(data).toMatchObject({ outputs: 2, image: { channels: 3, height: 5, width: 6 } });
    expect(data.report).toMatchObject({ sizes: { train: 8, validation: 2, test: 2 }, duplicates: { test: 2 } });
    put('zoo/cat/notes.txt', 'none');
    await expect(load({ from: 'zoo' }, { root, image })).rejects.toThrow(/1 rows.*notes\.txt: it is no PNG or JPEG/s);
    expect((await load({ from: 'zoo', skip: true }, { root, image })).report.skipped.count).toBe(1);
    await expect(load({ from: 'zoo', skip: true }, { root, image, classes: ['dog', 'owl'] })).rejects.toThrow(/"cat", 6 rows: no class/); // biome-ignore format: a line
  });

  it('folders of parts, and pictures without labels', async () => {
    for (const part of ['train', 'val']) for (let i = 0; i < 12; i++) put(`split/${part}/${i % 3}/${i}.png`, png);
    const { report } = await load({ from: 'split' }, { root });
    expect(report).toMatchObject({ classes: ['0', '1', '2'], split: { made: ['test'] }, sizes: { validation: 12 } });
    for (let i = 0; i < 12; i++) put(`flat/${i}.png`, png);
    expect((await load({ from: 'flat' }, { root })).report.labelled).toBe(false);
  });

  it('IDX and CIFAR files by their names', async () => {
    const header = (magic: number, ...sizes: number[]) => {
      const bytes = Buffer.alloc(4 + 4 * sizes.length);
      for (const [i, value] of [magic, ...sizes].entries()) bytes.writeUInt32BE(value, 4 * i);
      return bytes;
    };
    const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 12);
    for (const name of ['train', 't10k']) {
      put(`images/idx/${name}-images-idx3-ubyte`, Buffer.concat([header(2051, 20, 2, 3), new Uint8Array(120).fill(7)]));
      put(`images/idx/${name}-labels-idx1-ubyte.gz`, gzipSync(Buffer.concat([header(2049, 20), labels])));
    }
    await expect(load({ from: 'images/idx' }, { root })).rejects.toThrow(/labels-idx1-ubyte is missing/);
    for (const name of ['train', 't10k'])
      put(`images/idx/${name}-labels-idx1-ubyte`, Buffer.concat([header(2049, 20), labels]));
    const idx = await load({ from: 'images/idx' }, { root });
    expect(idx).toMatchObject({ outputs: 12, image: { channels: 1, height: 2, width: 3 } });
    expect(idx.report.sizes).toEqual({ train: 18, validation: 2, test: 20 });
    const record = (label: number) => Buffer.concat([Uint8Array.of(3, label), new Uint8Array(3072).fill(label)]);
    for (const name of ['train', 'test']) put(`cifar/${name}.bin`, Buffer.concat(Array.from({ length: 20 }, (_, i) => record(i % 5)))); // biome-ignore format: a line
    const cifar = await load({ from: 'cifar' }, { root });
    expect(cifar).toMatchObject({ outputs: 5, image: { channels: 3, height: 32, width: 32 } });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../../model/src/errors.ts';
import { augmentImage, augmentSchema, type noAugmentation, symmetricBeta } from '../../src/data/augment.ts';
import { batches } from '../../src/data/batches.ts';
import { parseData } from '../../src/data/config.ts';
import { readCorpus } from '../../src/data/corpus.ts';
import * as datasets from '../../src/data/datasets.ts';
import {
  type ImageSet,
  normaliseImage,
  parseCifar10,
  parseMnist,
  readCifar10,
  readMnist,
} from '../../src/data/images.ts';
import { BucketOrder, EpochOrder } from '../../src/data/order.ts';
import { parseTexts, readTexts, type TextFormat } from '../../src/data/texts.ts';
import { Random } from '../../src/random.ts';
import { parseCsv } from '../../src/sources/csv.ts';

const folder = mkdtempSync(join(tmpdir(), 'readers-'));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const columns = { text: 'text', label: 'label' };
const sample = (name: string) => join(import.meta.dirname, name);

describe('image files', () => {
  it('reads MNIST from the sample in this folder', () => {
    const set = readMnist(sample('mnist-100-images-idx3-ubyte.gz'), sample('mnist-100-labels-idx1-ubyte.gz'));
    expect([set.count, set.channels, set.height, set.width]).toEqual([100, 1, 28, 28]);
    // The official test set begins 7 2 1 0 4 1 4 9 5 9.
    expect([...set.labels.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    expect(set.pixels.reduce((sum, value) => sum + value, 0) / set.pixels.length / 255).toBeCloseTo(0.13, 1);
  });

  it('reads CIFAR-10 records, several files in a row, packed or not', () => {
    const record = (label: number, value: number) =>
      Buffer.concat([Uint8Array.of(label), new Uint8Array(3072).fill(value)]);
    const a = put('a.bin', Buffer.concat([record(3, 10), record(9, 20)]));
    const b = put('b.bin.gz', gzipSync(record(0, 30)));
    const set = readCifar10([a, b]);
    expect([...set.labels]).toEqual([3, 9, 0]);
    expect(set.pixels[3072 * 2 + 5]).toBe(30);
    expect(() => readCifar10([put('c.bin', record(10, 0))])).toThrow(/label 10/);
    expect(() => readCifar10([put('d.bin', new Uint8Array(3074))])).toThrow(DataError);
    expect(() => readCifar10([join(folder, 'nothing.bin')])).toThrow(/no such file/);
    expect(() => readCifar10([put('e.bin.gz', gzipSync(record(0, 1)).subarray(0, -9))])).toThrow(/damaged gzip/);
  });

  it('refuses IDX files of the wrong kind or length', () => {
    const images = sample('mnist-100-images-idx3-ubyte.gz');
    const labels = sample('mnist-100-labels-idx1-ubyte.gz');
    expect(() => readMnist(labels, labels)).toThrow(/magic number/);
    const short = new Uint8Array(8 + 3);
    new DataView(short.buffer).setUint32(0, 2049);
    new DataView(short.buffer).setUint32(4, 5);
    expect(() => readMnist(images, put('short', short))).toThrow(/announces 5 values and holds 3/);
    new DataView(short.buffer).setUint32(4, 3);
    expect(() => readMnist(images, put('three', short))).toThrow(/100 images.* 3 labels/);
  });
});

describe('text files', () => {
  const expected = { texts: ['one, two', 'three "four"'], labels: [1, 0] };

  it('reads TSV, CSV and JSON lines alike, packed or not', async () => {
    const tsv = 'label\ttext\n1\tone, two\n0\tthree "four"\n';
    expect(await readTexts(put('t.tsv', tsv), columns)).toEqual(expected);
    expect(await readTexts(put('t.tsv.gz', gzipSync(tsv)), columns)).toEqual(expected);
    const csv = 'id,text,label\r\n1,"one, two",1\r\n2,"three ""four""",0\r\n';
    expect(await readTexts(put('t.csv', csv), columns)).toEqual(expected);
    const json = '{"text":"one, two","label":1,"more":[]}\n{"text":"three \\"four\\"","label":0}\n';
    expect(await readTexts(put('t.jsonl', json), columns)).toEqual(expected);
  });

  it('reads Parquet from the sample in this folder', async () => {
    const set = await readTexts(sample('three-rows.parquet'), columns);
    expect(set).toEqual({ texts: [...expected.texts, 'na\u00efve \u2014 caf\u00e9'], labels: [1, 0, 2] });
    await expect(readTexts(sample('three-rows.parquet'), { text: 'id', label: 'label' })).rejects.toThrow(/needs "id"/);
  });

  it('says which file, row and column is wrong', async () => {
    await expect(readTexts(put('u.tsv', 'a\tb\n1\tx\n'), columns)).rejects.toThrow(
      /no column "text"; its first line names "a", "b"/,
    );
    await expect(readTexts(put('v.tsv', 'label\ttext\n1\tx\n1\n'), columns)).rejects.toThrow(
      /v\.tsv, line 3 has 1 cells/,
    );
    await expect(readTexts(put('w.tsv', 'label\ttext\nx\ty\n'), columns)).rejects.toThrow(/label "x"/);
    await expect(readTexts(put('x.jsonl', '{"text":1}\n'), columns)).rejects.toThrow(/x\.jsonl, line 1: needs "text"/);
    await expect(readTexts(put('x.txt', ''), columns)).rejects.toThrow(/\.parquet/);
    await expect(readTexts(put('x.parquet', 'PAR1 no'), columns)).rejects.toThrow(/Parquet/);
    await expect(readTexts(put('y.csv', 'text,label\n"open,1\n'), columns)).rejects.toThrow(/not closed/);
    await expect(readTexts(put('z.tsv', Uint8Array.of(0x61, 0xff, 0x0a)), columns)).rejects.toThrow(/UTF-8/);
  });

  const refused: [string, TextFormat, string, RegExp][] = [
    [
      'a blank label',
      'csv',
      'text,label\na,0\nb, \n',
      /line 3: the label " " \("label"\) is not a whole number from 0 to 1/,
    ],
    ['an empty label', 'tsv', 'label\ttext\n\tb\n', /line 2: the label "" /],
    [
      'a label past the classes',
      'tsv',
      'label\ttext\n0\ta\n\n2\tb\n',
      /line 4: the label "2" .* from 0 to 1: number the classes/,
    ],
    ['a hexadecimal label', 'csv', 'text,label\na,0x1\n', /line 2: the label "0x1"/],
    ['a fractional label', 'csv', 'text,label\na,1.0\n', /line 2: the label "1.0"/],
    ['a label that is a truth value', 'jsonl', '{"text":"a","label":true}', /line 1: the label true/],
    ['a label that is a list', 'jsonl', '{"text":"a","label":[]}', /line 1: the label \[\]/],
    ['a label that is negative', 'jsonl', '{"text":"a","label":-1}', /line 1: the label -1/],
    ['a label beyond all numbers', 'jsonl', '{"text":"a","label":1e400}', /line 1: the label null/],
    ['a blank text', 'tsv', 'label\ttext\n1\t \n', /line 2: "text" is " "/],
    ['a null line', 'jsonl', '{"text":"a","label":0}\nnull\n', /line 2 is null: every line has to be an object/],
    ['a line that is a list', 'jsonl', '[1]', /line 1 is \[1\]/],
    ['a line that is a text', 'jsonl', JSON.stringify('x'.repeat(1e6)), /^f, line 1 is "x{56}\.\.\.: every/],
    [
      'a line that is nested without end',
      'jsonl',
      '['.repeat(1e6),
      /line 1 is not valid JSON: "it is nested more than 64 deep"/,
    ],
    ['Mac line ends in TSV', 'tsv', 'label\ttext\r1\ta\r', /line 1: a carriage return stands without a line feed/],
    ['Mac line ends in CSV', 'csv', 'label,text\r1,a\r', /line 1: a carriage return stands without/],
    [
      'Mac line ends in JSON lines',
      'jsonl',
      '{"text":"a","label":0}\n{"text":"a",\r"label":0}',
      /line 2: a carriage return/,
    ],
    ['text after a quoted cell', 'csv', 'text,label\n"a\nb"c,1\n', /line 3: text follows the closing quote/],
    [
      'a quote that is not closed',
      'csv',
      'text,label\na,1\n"b,1\n',
      /line 3: a quoted cell that begins here is not closed/,
    ],
    ['two columns of one name', 'csv', 'text,label,text\na,1,b\n', /two columns are named "text"/],
    ['names that a terminal obeys', 'tsv', '\u009b31m\u001b\ta\n', /names "\\u009b31m\\u001b", "a"/],
    ['a header alone', 'tsv', 'label\ttext\n', /holds no examples/],
    ['nothing', 'csv', '', /no column "text"/],
  ];
  it.each(refused)('row 9: %s is refused (%s)', (_, format, text, message) => {
    expect(() => parseTexts(text, format, 'f', columns, 2)).toThrow(DataError);
    expect(() => parseTexts(text, format, 'f', columns, 2)).toThrow(message);
  });

  it('row 9: images whose labels are past the classes, or that are none', () => {
    const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 3, 10);
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8);
    const mnist = (a: Uint8Array, b: Uint8Array, classes?: number) =>
      parseMnist({ where: 'images', bytes: a }, { where: 'labels', bytes: b }, classes);
    expect(() => mnist(images, labels)).toThrow(/labels: image 2 has the label 10, classes are 0 to 9/);
    expect(mnist(images, labels, 11).labels[1]).toBe(10);
    const claiming = images.slice();
    claiming.fill(255, 4, 16);
    expect(() => mnist(claiming, labels)).toThrow(/announces 4294967295 x 4294967295 x 4294967295 values and holds 2/);
    expect(() => mnist(Uint8Array.of(0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1), labels)).toThrow(
      /it is empty/,
    );
    const record = new Uint8Array(2 * 3073);
    record[3073] = 10;
    expect(() => parseCifar10([{ where: 'c', bytes: record }])).toThrow(
      /c: image 2 has the label 10, classes are 0 to 9/,
    );
    expect(() => parseCifar10([{ where: 'c', bytes: record }])).toThrow(DataError);
  });

  it('CSV cells of any content survive quoting', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') });
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1 });
    fc.assert(
      fc.property(rows, (table) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = table.map((row) => row.map(quote).join(',')).join('\n');
        expect(parseCsv(text, 'x').map(({ cells }) => cells)).toEqual(table);
      }),
    );
  });

  it('cuts a corpus by position without losing or tearing a word', () => {
    const text = Array.from({ length: 500 }, (_, i) => `word${i}`).join(' ');
    const corpus = readCorpus([put('c.txt', text), put('d.txt.gz', gzipSync(text))], [90, 5, 5]);
    for (let i = 0; i < 2; i++) {
      const parts = [corpus.train[i]!, corpus.validation[i]!, corpus.test[i]!];
      expect(parts.join('')).toBe(text);
      expect(parts[0]!.length / text.length).toBeCloseTo(0.9, 2);
      for (const part of parts) for (const word of part.trim().split(/\s+/)) expect(word).toMatch(/^word\d+$/);
    }
  });
});

describe('row 9: parts of a data set that do not go together', () => {
  const load = (data: unknown) => datasets.load(parseData({ data }, 'recipe'), { root: folder });

  it('a split with nothing to predict is refused, not scored as no number', async () => {
    put('short.txt', 'to be or not to be');
    const data = { kind: 'corpus', files: ['short.txt'], tokens: 4, tokenizer: { kind: 'characters' } };
    const short = await load({ ...data, split: [1, 0, 0] });
    expect(short.train.kind).toBe('language');
    for (const split of ['validation', 'test'] as const) {
      expect(() => short[split]).toThrow(DataError);
      expect(() => short[split]).toThrow(`The ${split} part of short.txt has no token to predict`);
    }
    const long = await load({ ...data, tokens: 99, split: [1, 0, 0] });
    expect(() => batches(long, { batch: 1, seed: 1 })).toThrow(
      /training part of the corpus is shorter than one window of 99/,
    );
  });

  it('test images of another size than those trained on', async () => {
    const idx = (magic: number, sizes: number[], fill: number) => {
      const bytes = Buffer.alloc(4 + 4 * sizes.length + sizes.reduce((a, b) => a * b, 1), fill);
      [magic, ...sizes].forEach((value, i) => {
        bytes.writeUInt32BE(value, 4 * i);
      });
      return bytes;
    };
    put('labels', idx(2049, [2], 1));
    put('large', idx(2051, [2, 4, 4], 7));
    put('small', idx(2051, [2, 2, 2], 7));
    const files = (images: string) => ({ images, labels: 'labels' });
    const normalise = { mean: [0.5], deviation: [0.5] };
    const data = { kind: 'mnist', train: files('large'), validation: 1, normalise };
    const tested = (test: string) => load({ ...data, test: files(test) });
    expect((await tested('large')).test.kind).toBe('classification');
    await expect(tested('small')).rejects.toThrow(/data\.test holds images of 1 x 2 x 2, data\.train of 1 x 4 x 4/);
  });
});

describe('augmentation', () => {
  const normalisation = { mean: [0.5], deviation: [0.25] };
  const ramp: ImageSet = {
    channels: 1,
    height: 5,
    width: 5,
    count: 1,
    pixels: Uint8Array.from({ length: 25 }, (_, i) => 10 * i),
    labels: Uint8Array.of(0),
  };
  const run = (augmentation: Partial<typeof noAugmentation>, seed: number) => {
    const target = new Float32Array(25);
    augmentImage(ramp, 0, normalisation, augmentSchema.parse(augmentation), new Random(seed), target, 0);
    return [...target];
  };
  const plain = () => {
    const target = new Float32Array(25);
    normaliseImage(ramp, 0, normalisation, target, 0);
    return [...target];
  };

  it('does nothing when nothing is asked for', () => {
    const expected = plain();
    for (const [i, value] of run({}, 1).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  });

  it('flips, shifts by whole pixels, and repeats for the same seed', () => {
    const flipped = Array.from({ length: 25 }, (_, i) => plain()[i - (i % 5) + 4 - (i % 5)]!);
    const seen = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const values = run({ flip: true }, seed);
      expect(values).toEqual(run({ flip: true }, seed));
      const like = [plain(), flipped].findIndex((other) => other.every((v, i) => Math.abs(v - values[i]!) < 1e-5));
      seen.add(`${like}`);
    }
    expect([...seen].sort()).toEqual(['0', '1']);
    const allowed = new Set([...plain(), -2].map((value) => value.toFixed(4)));
    for (let seed = 0; seed < 10; seed++)
      for (const value of run({ shift: 2 }, seed)) expect(allowed).toContain(value.toFixed(4));
  });

  it('rotates about the centre, which stays', () => {
    for (let seed = 0; seed < 10; seed++) expect(run({ rotate: 45, zoom: 0.3 }, seed)[12]).toBeCloseTo(plain()[12]!, 4);
  });

  it('sets a square to the mean colour', () => {
    for (let seed = 0; seed < 10; seed++) {
      const zeros = run({ cutout: 2 }, seed).filter((value) => value === 0).length;
      expect(zeros).toBeGreaterThan(0);
      expect(zeros).toBeLessThanOrEqual(4);
    }
  });

  it('draws mixing shares from a symmetric Beta distribution', () => {
    const random = new Random(1);
    const draws = Array.from({ length: 4000 }, () => symmetricBeta(random, 0.4));
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    // Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    expect(mean).toBeCloseTo(0.5, 1);
    expect(variance).toBeCloseTo(1 / (4 * 1.8), 1);
  });
});

describe('the order of examples', () => {
  it('shows every example once an epoch, in another order each, and is the same from any step', () => {
    const order = new EpochOrder(20, 5, 3);
    const epoch = (n: number) => [0, 1, 2, 3].flatMap((i) => [...order.examples(4 * n + i)]);
    const sorted = (values: number[]) => [...values].sort((a, b) => a - b);
    const all = Array.from({ length: 20 }, (_, i) => i);
    expect(sorted(epoch(0))).toEqual(all);
    expect(sorted(epoch(1))).toEqual(all);
    expect(epoch(0)).not.toEqual(epoch(1));
    const later = new EpochOrder(20, 5, 3);
    expect([...later.examples(6)]).toEqual([...order.examples(6)]);
    expect([...new EpochOrder(20, 5, 4).examples(0)]).not.toEqual([...order.examples(0)]);
  });
});

describe('batches by length', () => {
  it('fit their bucket, use every example once but the last few, and are the same from any step', () => {
    const lengths = Array.from({ length: 103 }, (_, i) => 1 + ((i * 37) % 50));
    const order = new BucketOrder(lengths, [16, 8, 64], 10, 5);
    expect(order.stepsPerEpoch).toBe(10);
    for (const epoch of [0, 1]) {
      const batches = Array.from({ length: 10 }, (_, i) => order.step(10 * epoch + i));
      const seen = batches.flatMap((batch) => batch.examples);
      expect(seen.length).toBe(100);
      expect(new Set(seen).size).toBe(100);
      for (const { examples, tokens } of batches) {
        expect(examples.length).toBe(10);
        for (const example of examples) expect(lengths[example]).toBeLessThanOrEqual(tokens);
      }
      // 16 % of the lengths are at most 8, 16 % more at most 16.
      expect(batches.filter((batch) => batch.tokens === 8).length).toBe(1);
      expect(batches.filter((batch) => batch.tokens === 16).length).toBeGreaterThanOrEqual(1);
    }
    expect(new BucketOrder(lengths, [8, 16, 64], 10, 5).step(17)).toEqual(order.step(17));
  });
});

describe('random numbers', () => {
  it('are uniform, normal and independent of the order of use', () => {
    const random = new Random(9);
    const draws = Array.from({ length: 20000 }, () => random.normal());
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Random.derive(1, 'a', 2).uint32()).toBe(Random.derive(1, 'a', 2).uint32());
    const streams = [
      [1, 'a', 2],
      [2, 'a', 2],
      [1, 'b', 2],
      [1, 'a', 3],
    ] as const;
    expect(new Set(streams.map(([s, l, i]) => Random.derive(s, l, i).uint32())).size).toBe(4);
  });

  it('drop the share they are asked to, and keep the mean', () => {
    const mask = new Float32Array(40001);
    new Random(1).fillDropoutMask(mask, 0.25);
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    expect(dropped).toBeCloseTo(0.25, 1);
    expect(mask.reduce((a, b) => a + b, 0) / mask.length).toBeCloseTo(1, 1);
    expect(new Set(mask).size).toBe(2);
  });
});
